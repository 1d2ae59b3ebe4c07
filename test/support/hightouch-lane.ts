// The Hightouch operator as its user has it: the shipped manifests applied to a running instance, and the component as a program with the
// variables of that manifest, which can be killed and started in replicas. Only the address of Hightouch and the waiting times are others.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';
import type { JsonObject } from '../../src/core/json.ts';
import type { EntityStatus } from '../../src/messages/entity.ts';
import { startStandIn, type StandIn } from '../../src/stand-ins/hightouch/server.ts';
import { buildPrograms } from './built-programs.ts';
import { temporaryFolder } from './children.ts';
import { mustApply } from './manifests.ts';
import { root, startProcess, type TestProcess } from './processes.ts';
import { startInstance, type RunningInstance } from './running-instance.ts';
import { waitFor } from './wait-for.ts';

const preload = pathToFileURL(join(root, 'test', 'support', 'crash-at-await.mjs')).href;
const shipped = (name: string): JsonObject =>
  parse(readFileSync(join(root, 'src', 'operators', 'hightouch', 'manifests', `${name}.yaml`), 'utf8')) as JsonObject;

type Component = { readonly environmentVars: Readonly<Record<string, string | number | boolean>> };

export type AdminRun = { readonly id: number; readonly syncSlug: string; readonly triggers: number };
export type AdminRequest = { readonly operation: string; readonly userAgent?: string; readonly time: string };

export type HightouchLane = {
  readonly instance: RunningInstance;
  readonly standIn: StandIn;
  /** A component; `crashAt`: it dies at that point of what it does for the first command that it gets. */
  start(options?: { readonly crashAt?: number; readonly env?: Readonly<Record<string, string>> }): TestProcess;
  /** Arms a component that leads: it dies at the n-th point of its next work. */
  arm(component: TestProcess, crashAt: string): Promise<void>;
  /** Applies the shipped resource under that name, with a model and a sync of its own. */
  want(name: string): Promise<void>;
  status(name: string): Promise<EntityStatus | undefined>;
  succeeded(name: string): Promise<EntityStatus>;
  ask<T>(path: string): Promise<readonly T[]>;
  order(path: 'faults' | 'scripts', body: JsonObject): Promise<void>;
  stop(): Promise<void>;
};

export const openHightouchLane = async (): Promise<HightouchLane> => {
  // One after the other: all of them are slow starters.
  const programs = await buildPrograms();
  const instance = await startInstance();
  const standIn = await startStandIn({ queuedMs: 30, runMs: 150, rateLimit: 100_000 });
  const folder = temporaryFolder();
  const crashFile = join(folder.path, 'crash-at');
  const running = new Set<TestProcess>();
  const manifest = shipped('operator') as { readonly operator: JsonObject };
  // A server of its own is a matter of the runtime, not of this component.
  const { natsClusterConfig: _own, ...operator } = manifest.operator;
  const [component] = operator['components'] as unknown as readonly Component[];
  await mustApply(instance.client, { ...manifest, operator });
  const env = {
    ...Object.fromEntries(
      Object.entries(component?.environmentVars ?? {}).map(([name, value]) => [name, String(value)]),
    ),
    HIGHTOUCH_SERVICE_URL: standIn.url,
    HIGHTOUCH_POLL_INTERVAL: '100ms',
    HIGHTOUCH_RUN_SEARCH_GRACE: '2s',
    METRIC_PORT: '0',
    NODE_OPTIONS: `--import ${preload}`,
    OPSTREAM_NATS_URL: instance.server.url,
    OPSTREAM_LEASE_TTL: '1s',
    OPSTREAM_TEST_CRASH_FILE: crashFile,
  };

  const status = async (name: string): Promise<EntityStatus | undefined> => {
    const answer = await instance.client.query('get', { type: 'resource', name, workspace: 'public' });
    return answer.ok && answer.value.type === 'resource' ? answer.value.status : undefined;
  };

  return {
    ...{ instance, standIn, status },
    start: ({ crashAt = 0, env: changes = {} } = {}) => {
      const one = startProcess(join(programs, 'operators', 'hightouch', 'main.js'), {
        name: 'hightouch component',
        env: { ...env, OPSTREAM_TEST_CRASH_AT: String(crashAt), ...changes },
      });
      running.add(one);
      void one.ended.then(() => running.delete(one));
      return one;
    },
    arm: async (one, crashAt) => {
      await one.waitForLine('lease acquired', { timeoutMs: 20_000 });
      const armed = (): number => one.lines.filter(({ msg }) => msg === 'armed').length;
      const before = armed();
      writeFileSync(crashFile, crashAt);
      one.signal('SIGUSR2');
      await one.waitForLine(() => armed() > before);
    },
    want: async (name) => {
      const given = shipped('resource') as { readonly resource: { readonly spec: Record<string, JsonObject> } };
      const { model, sync, trigger } = given.resource.spec;
      const spec = {
        model: { ...model, slug: `model-${name}` },
        sync: { ...sync, slug: name },
        trigger: trigger ?? {},
      };
      await mustApply(instance.client, {
        ...given,
        name,
        resource: { ...given.resource, spec },
      } as unknown as JsonObject);
    },
    succeeded: async (name) => {
      let seen: EntityStatus | undefined;
      return waitFor(
        async () => {
          seen = await status(name);
          return seen?.runtime === 'succeeded' ? seen : undefined;
        },
        { timeoutMs: 30_000, intervalMs: 50, what: `success of ${name}` },
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}; last status: ${JSON.stringify(seen)}`, { cause: error });
      });
    },
    ask: async <T>(path: string) =>
      ((await (await fetch(`${standIn.adminUrl}/${path}`)).json()) as { readonly value: readonly T[] }).value,
    order: async (path, body) => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      const response = await fetch(`${standIn.adminUrl}/${path}`, init);
      if (!response.ok) throw new Error(await response.text());
    },
    stop: async () => {
      await Promise.all([...running].map((one) => one.kill9()));
      await instance.stop();
      await standIn.close();
      folder.remove();
    },
  };
};
