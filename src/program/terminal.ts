// The only place of the CLI that writes: answers to stdout, everything about the work to stderr, so that `-o json | jq` works. Colours
// only on a terminal and not with NO_COLOR. Progress lines have the seed's form: `INFO[0000] icon text`.

export type Terminal = {
  /** The answer itself; ends with a line break. */
  out(text: string): void;
  info(text: string): void;
  warn(text: string): void;
  error(text: string): void;
  /** A plain line on stderr. */
  note(text: string): void;
  readonly isInteractive: boolean;
};

type Sink = { write(text: string): unknown; readonly isTTY?: boolean | undefined };

export type TerminalOptions = {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  nowMs(): number;
};

const MAX_STDIN_BYTES = 16 * 1024 * 1024;
const LEVELS = { INFO: '36', WARN: '33', ERRO: '31' } as const;
// What a server or a file says must not move the cursor or change the title of the user's terminal. Line breaks and tabs may pass.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

export const createTerminal = ({ stdout, stderr, env, nowMs }: TerminalOptions): Terminal => {
  const startedMs = nowMs();
  const isColoured = stderr.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const safe = (text: string): string => text.replaceAll(CONTROL, '\ufffd');
  const line = (level: keyof typeof LEVELS, text: string): void => {
    const seconds = String(Math.floor((nowMs() - startedMs) / 1000)).padStart(4, '0');
    const label = isColoured ? `\u001b[${LEVELS[level]}m${level}\u001b[0m` : level;
    stderr.write(`${label}[${seconds}] ${safe(text)}\n`);
  };
  return {
    out: (text) => void stdout.write(`${safe(text.replace(/\n$/, ''))}\n`),
    info: (text) => line('INFO', text),
    warn: (text) => line('WARN', text),
    error: (text) => line('ERRO', text),
    note: (text) => void stderr.write(`${safe(text)}\n`),
    isInteractive: stdout.isTTY === true,
  };
};

export const processTerminal = (env: TerminalOptions['env'], nowMs: () => number): Terminal =>
  createTerminal({ stdout: process.stdout, stderr: process.stderr, env, nowMs });

/** All of stdin; a manifest is small, so what goes on for more than 16 MiB is cut off and refused for its size later. */
export const readStdin = async (): Promise<Uint8Array> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).byteLength;
    if (size > MAX_STDIN_BYTES) break;
  }
  return new Uint8Array(Buffer.concat(chunks));
};
