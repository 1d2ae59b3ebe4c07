// Looks for texts that must be nowhere: as they are and in the forms that programs put text into. It says how much it has looked at, because a
// scan of nothing finds nothing.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { api } from './jetstream.ts';
import type { RunningInstance } from './running-instance.ts';

export type Find = { readonly where: string; readonly form: string };
export type Needle = { readonly form: string; readonly bytes: Buffer };

/** Base64 of the text at each of the three positions that it may have in a longer one; the ends depend on the neighbours. */
const base64Forms = (text: string): readonly string[] =>
  [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)])
      .toString('base64')
      .replaceAll('=', '');
    return encoded.slice(offset === 0 ? 0 : offset + 1, -2);
  });

export const needlesOf = (texts: readonly string[]): readonly Needle[] =>
  texts.flatMap((text) => {
    const json = JSON.stringify(text).slice(1, -1);
    const hex = Buffer.from(text).toString('hex');
    const forms: [string, string][] = [
      ['as it is', text],
      ['JSON', json],
      ['JSON in JSON', JSON.stringify(json).slice(1, -1)],
      ['URL', encodeURIComponent(text)],
      ['hex', hex],
      ['HEX', hex.toUpperCase()],
      ['reversed', [...text].reverse().join('')],
      ...base64Forms(text).flatMap((form): [string, string][] => [
        ['base64', form],
        ['base64url', form.replaceAll('+', '-').replaceAll('/', '_')],
      ]),
      // A leak of a part is a leak; the frame of a certificate is none.
      ...text
        .split('\n')
        .filter((line) => line.length >= 12 && !line.startsWith('-----'))
        .map((line): [string, string] => ['a line of it', line.slice(0, 24)]),
    ];
    const utf16: Needle = { form: 'UTF-16', bytes: Buffer.from(text, 'utf16le') };
    return [...forms.map(([form, encoded]) => ({ form, bytes: Buffer.from(encoded) })), utf16];
  });

const readIfThere = (file: string): Buffer | undefined => {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

export const createScan = (needles: readonly Needle[]) => {
  const finds: Find[] = [];
  const counts = new Map<string, { items: number; bytes: number }>();
  const look = (kind: string, where: string, data: Buffer): void => {
    const count = counts.get(kind) ?? { items: 0, bytes: 0 };
    count.items += 1;
    count.bytes += data.length;
    counts.set(kind, count);
    for (const { form, bytes } of needles) if (data.includes(bytes)) finds.push({ where, form });
  };

  return {
    finds,
    counts,
    text: (kind: string, where: string, text: string) => look(kind, where, Buffer.from(text)),

    /** Every message of every stream of the server, with subject and headers as they are. */
    streams: async ({ connection }: RunningInstance): Promise<readonly string[]> => {
      const { streams } = (await api(connection, 'STREAM.NAMES', {})) as unknown as { streams: readonly string[] };
      for (const stream of streams) {
        const { state } = (await api(connection, `STREAM.INFO.${stream}`, {})) as unknown as {
          state: { first_seq: number; last_seq: number };
        };
        for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
          const { message } = (await api(connection, `STREAM.MSG.GET.${stream}`, { seq })) as unknown as {
            message?: { subject: string; hdrs?: string; data?: string };
          };
          if (message === undefined) continue;
          const where = `${stream} #${seq}`;
          const parts = [Buffer.from(message.hdrs ?? '', 'base64'), Buffer.from(message.data ?? '', 'base64')];
          look(
            stream.startsWith('KV_') ? 'bucket' : 'stream',
            where,
            Buffer.concat([Buffer.from(`${message.subject}\n`), ...parts]),
          );
        }
      }
      return streams;
    },

    /** Every file below a folder but those that `isKept` knows. Files may go and be renamed meanwhile. */
    folder: (kind: string, path: string, isKept: (file: string) => boolean = () => false): void => {
      for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
        const file = join(path, name);
        if (isKept(file) || statSync(file, { throwIfNoEntry: false })?.isFile() !== true) continue;
        const data = readIfThere(file);
        if (data !== undefined) look(kind, file, data);
      }
    },
  };
};
