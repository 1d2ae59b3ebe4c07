// The folders of operators' own NATS servers: `<data>/servers/<prefix>/<operator>.<name>/` with server.json (port, passwords, incarnation),
// nats-server.conf, the pid file and what JetStream stores. Made once and remembered, so that a server that is started again has its
// address, its users and its data. Used by the operator-runtime that leads.

import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { decodeJson } from '../core/decode.ts';
import { Fault } from '../core/fault.ts';
import { isJsonObject } from '../core/json.ts';
import type { Login, ServerFolders, ServerRef } from '../engine/own-server/ports.ts';
import { freePort } from './free-ports.ts';
import { isProcessOf, pidIn } from './os-process.ts';
import { makeFolder } from './make-folder.ts';

const HOST = '127.0.0.1';
const STATE = 'server.json';
const CONFIG = 'nats-server.conf';
const PID = 'nats-server.pid';

type State = {
  readonly port: number;
  readonly incarnation: string;
  readonly runtime: Login;
  readonly component: Login;
};

const password = (): string => randomBytes(24).toString('base64url');

const readState = (folder: string): State | undefined => {
  const path = join(folder, STATE);
  if (!existsSync(path)) return undefined;
  const value = decodeJson(readFileSync(path));
  return isJsonObject(value) && typeof value['port'] === 'number' ? (value as unknown as State) : undefined;
};

const write = (path: string, text: string): void => {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
};

/** Components make their consumers and buckets themselves; what is stored they do not take away. */
const DENIED = [
  ...['DELETE', 'PURGE', 'RESTORE', 'MSG.DELETE'].map((request) => `$JS.API.STREAM.${request}.>`),
  '$SYS.>',
];

const configuration = (folder: string, ref: ServerRef, { port, runtime, component }: State): string => {
  const text = (value: string): string => JSON.stringify(value);
  const login = ({ user, password: secret }: Login): string => `user: ${text(user)}, password: ${text(secret)}`;
  return [
    '# Written by the operator-runtime; changes are lost.',
    `listen: "${HOST}:${port}"`,
    `server_name: ${text(`${ref.operator}.${ref.name}`)}`,
    `pid_file: ${text(join(folder, PID))}`,
    'jetstream {',
    `  store_dir: ${text(join(folder, 'jetstream'))}`,
    '  sync_interval: always',
    '}',
    'authorization {',
    '  users: [',
    `    { ${login(runtime)} }`,
    `    { ${login(component)}, permissions: { publish: { deny: [${DENIED.map(text).join(', ')}] } } }`,
    '  ]',
    '}',
    '',
  ].join('\n');
};

const isRunningIn = (folder: string): boolean => {
  const path = join(folder, PID);
  return existsSync(path) && isProcessOf(pidIn(readFileSync(path, 'utf8')), join(folder, CONFIG));
};

export const createServerFolders = (options: { readonly data: string; readonly prefix: string }): ServerFolders => {
  const root = join(resolve(options.data), 'servers', options.prefix);
  const folderOf = ({ operator, name }: ServerRef): string => join(root, `${operator}.${name}`);

  const portFor = async (known: State | undefined, folder: string): Promise<number> => {
    if (known !== undefined && isRunningIn(folder)) return known.port;
    // Where it was, unless another program has the port by now.
    const port = await freePort(known?.port ?? 0, new Set());
    if (port === undefined) throw new Fault('COMPUTE_UNAVAILABLE', `no free port for a NATS server in ${folder}`);
    return port;
  };

  return {
    prepare: async (ref) => {
      const folder = folderOf(ref);
      try {
        makeFolder(folder, 0o700);
        const known = readState(folder);
        const port = await portFor(known, folder);
        const state: State = {
          ...(known ?? {
            incarnation: randomUUID(),
            runtime: { user: 'operator-runtime', password: password() },
            component: { user: 'component', password: password() },
          }),
          port,
        };
        if (known?.port !== port) write(join(folder, STATE), JSON.stringify(state));
        const configPath = join(folder, CONFIG);
        write(configPath, configuration(folder, ref, state));
        const { incarnation, runtime, component } = state;
        return { incarnation, url: `nats://${HOST}:${port}`, port, configPath, runtime, component };
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (error instanceof Fault || code === undefined) throw error;
        throw new Fault('COMPUTE_UNAVAILABLE', `the folder ${folder} cannot be used (${code})`, { cause: error });
      }
    },

    isThere: (ref) => existsSync(join(folderOf(ref), CONFIG)),

    list: () =>
      !existsSync(root)
        ? []
        : readdirSync(root).flatMap((entry) => {
            const [operator, name, ...rest] = entry.split('.');
            return operator === undefined || name === undefined || rest.length > 0 ? [] : [{ operator, name }];
          }),

    remove: (ref) => {
      const folder = folderOf(ref);
      if (!isRunningIn(folder)) rmSync(folder, { recursive: true, force: true });
    },
  };
};
