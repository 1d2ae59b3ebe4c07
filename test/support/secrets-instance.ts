// An instance for the tests of secrets: it remembers every plain text that it gave out, and everything that was answered, printed, logged and
// seen live, so that the one can be looked for in the other.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '../../src/core/json.ts';
import { createSecretReader } from '../../src/engine/supervision/secrets/secret-reader.ts';
import { createStreamReader } from '../../src/jetstream/stream-reader.ts';
import { openKeySource } from '../../src/vault/key-source.ts';
import { createVault } from '../../src/vault/vault.ts';
import { operatorNamed } from './manifests.ts';
import { startProcess } from './processes.ts';
import { programs, startInstance, type RunningInstance } from './running-instance.ts';
import { waitFor } from './wait-for.ts';

export const keyLine = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

export const secretOf = (name: string, data: Readonly<Record<string, unknown>>, more: JsonObject = {}): JsonObject =>
  ({ name, version: 'v1', secret: { type: 'key-value', acl: 'r', data }, ...more }) as JsonObject;

/** An operator whose components refer to the secret. */
export const referring = (name: string, secret: string): JsonObject => {
  const manifest = operatorNamed(name) as unknown as { operator: { components: readonly object[] } };
  const components = manifest.operator.components.map((component) => ({
    ...component,
    dataosSecrets: [{ name: secret, workspace: 'public', allKeys: true, consumptionType: 'envVars' }],
  }));
  return { ...manifest, operator: { ...manifest.operator, components } } as unknown as JsonObject;
};

export const createSecretsInstance = () => {
  const folder = mkdtempSync(join(tmpdir(), 'opstream-secrets-'));
  const keyFile = join(folder, 'keys');
  const plains: string[] = [];
  const printed: string[] = [];
  const answers: string[] = [];
  const live: string[] = [];
  const logs: (() => string)[] = [];
  const stopLive = new AbortController();
  let instance: RunningInstance;

  const writeKeys = (...lines: readonly string[]): void =>
    writeFileSync(keyFile, `${lines.join('\n')}\n`, { mode: 0o600 });

  /** Every plain text of a test comes from here; all of them are looked for, and what is special about each. */
  const plain = (decorate: (core: string) => string = (core) => core): string => {
    const core = `pl41n-${randomBytes(12).toString('hex')}`;
    const text = decorate(core);
    plains.push(...new Set([text, core]));
    return text;
  };

  const send = async (
    verb: Parameters<RunningInstance['client']['send']>[0],
    body: JsonObject | Uint8Array,
    options: Parameters<RunningInstance['client']['send']>[2] = {},
  ) => {
    const receipt = await instance.client.send(verb, body, options);
    answers.push(JSON.stringify(receipt));
    return receipt;
  };

  return {
    ...{ folder, plains, printed, answers, live, logs, writeKeys },

    /** `env`: further variables of the programs. */
    start: async (key: string, env: Readonly<Record<string, string>> = {}): Promise<RunningInstance> => {
      writeKeys(key);
      const keys = { OPSTREAM_SECRET_KEYS_FILE: keyFile, OPSTREAM_LOG_LEVEL: 'trace' };
      instance = await startInstance({ env: { ...keys, ...env } });
      for (const program of programs) for (const copy of instance.of(program)) logs.push(copy.output);
      await instance.client.liveEvents(stopLive.signal, (message) => live.push(JSON.stringify(message)));
      return instance;
    },
    stop: async (): Promise<void> => {
      stopLive.abort();
      await instance.stop();
      rmSync(folder, { recursive: true, force: true });
    },

    plain,
    send,

    /** Waits until the handler seals with this key: it reads the file again within a second. */
    untilSealedWith: async (id: string): Promise<void> => {
      const isTurned = async (): Promise<boolean> => {
        const probe = await send('apply', secretOf('probe', { A: plain() }));
        const minSequence = probe.events[0]?.sequence;
        const answer = await instance.client.query('get', { type: 'secret', name: 'probe', minSequence });
        return answer.ok && JSON.stringify(answer.value).includes(`key ${id}`);
      };
      await waitFor(isTurned, { what: 'the new key to be used', timeoutMs: 10_000 });
    },

    get: async (name: string, workspace = 'public') => {
      const answer = await instance.client.query('get', { type: 'secret', workspace, name });
      answers.push(JSON.stringify(answer));
      return answer;
    },

    opstream: async (
      ...args: readonly string[]
    ): Promise<{ readonly code: number | null; readonly output: string }> => {
      const child = startProcess('src/cli/main.ts', {
        name: `opstream ${args[0] ?? ''}`,
        arguments: args,
        env: { OPSTREAM_NATS_URL: instance.server.url },
      });
      const { code } = await child.ended;
      printed.push(child.output());
      return { code, output: child.output() };
    },

    fileOf: (name: string, text: string): string => {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    },

    readerWith: (...lines: readonly string[]) =>
      createSecretReader({
        names: instance.names,
        reader: createStreamReader(instance.connection, instance.names.streams.events),
        vault: createVault(openKeySource({ keys: lines.join(','), keysFile: undefined })),
      }),
  };
};
