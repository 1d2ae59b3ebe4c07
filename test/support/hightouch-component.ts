// The Hightouch operator's reconciler in memory against its stand-in over HTTP, and what tests ask of both.

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { createHightouch } from '../../src/operators/hightouch/client.ts';
import { createHightouchReconciler } from '../../src/operators/hightouch/reconciler.ts';
import { readSettings } from '../../src/operators/hightouch/settings.ts';
import type { Entity, EntityStatus, JsonObject } from '../../src/sdk/index.ts';
import { defaultOptions, type StandInOptions } from '../../src/stand-ins/hightouch/options.ts';
import { startStandIn } from '../../src/stand-ins/hightouch/server.ts';
import { entityAt } from './entities.ts';
import { resourceManifest } from './fixtures.ts';
import { reconcilerInMemory, type InMemoryOptions } from './reconciler-in-memory.ts';

export const model = {
  name: 'City',
  slug: 'city',
  queryType: 'raw_sql',
  sourceId: '76591',
  isSchema: false,
  primaryKey: 'city_id',
  raw: { sql: 'SELECT 1' },
};
export const sync = { slug: 'city-to-crm', configuration: { mode: 'upsert' }, destinationId: '63390', disabled: false };
export const seedSpec = { model, sync, trigger: { fullResync: true } };

export const wanting = (
  run: number,
  changes: Partial<Entity> & {
    readonly spec?: JsonObject;
    readonly cancelRequested?: boolean;
    readonly name?: string;
  } = {},
): Entity => {
  const { spec = seedSpec, cancelRequested = false, name = 'run-1', ...rest } = changes;
  return entityAt(rest.sequence ?? run * 10, {
    ...{ name, runnable: true, manifest: resourceManifest(spec, { name }) },
    run: { id: `run-${name}-${run}`, number: run, requestedAt: '2026-01-01T00:00:00.000Z', cancelRequested },
    ...rest,
  });
};

export type AdminRun = {
  readonly id: number;
  readonly status: string;
  readonly syncSlug: string;
  readonly triggers: number;
  readonly flags: JsonObject;
  readonly syncId: number;
};

export const setUp = async (
  options: Partial<StandInOptions> = {},
  env: Readonly<Record<string, string>> = {},
  inMemory: InMemoryOptions = {},
) => {
  const standIn = await startStandIn({ queuedMs: 40, runMs: 150, ...options });
  after(() => standIn.close());
  const get = async <T>(path: string): Promise<T> =>
    ((await (await fetch(`${standIn.adminUrl}/${path}`)).json()) as { value: T }).value;
  const post = async (path: string, body: JsonObject): Promise<void> => {
    const response = await fetch(`${standIn.adminUrl}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    assert.ok(response.ok, await response.text());
  };
  let wrongKey = env['HIGHTOUCH_SECRET'];
  const component = reconcilerInMemory(() => {
    const settings = readSettings({
      env: {
        ...{
          HIGHTOUCH_SERVICE_URL: standIn.url,
          HIGHTOUCH_BASE_PATH: standIn.options.basePath,
          HIGHTOUCH_POLL_INTERVAL: '50ms',
          HIGHTOUCH_RUN_SEARCH_GRACE: '400ms',
          HIGHTOUCH_SETTLE: '400ms',
          HIGHTOUCH_THROTTLE_PAUSE: '300ms',
        },
        ...env,
        HIGHTOUCH_SECRET: wrongKey ?? defaultOptions.apiKey,
      },
    });
    return createHightouchReconciler({ settings, api: createHightouch(settings) });
  }, inMemory);
  return {
    component,
    mendKey: () => {
      wrongKey = undefined;
    },
    until: (isReached: (status: EntityStatus) => boolean, what: string, name = 'run-1') =>
      component.until(isReached, what, `public.${name}`, 'adf-operator'),
    admin: {
      runs: () => get<readonly AdminRun[]>('runs'),
      models: () => get<readonly JsonObject[]>('models'),
      syncs: () => get<readonly JsonObject[]>('syncs'),
      requests: (operation: string) =>
        get<readonly { readonly body?: string; readonly status?: number }[]>(`requests?operation=${operation}`),
      violations: () => get<readonly JsonObject[]>('violations'),
      fault: (fault: JsonObject) => post('faults', fault),
      script: (script: JsonObject) => post('scripts', script),
      reset: () => post('reset', {}),
      startRun: (syncSlug: string) => post('runs', { syncSlug }),
    },
    call: (path: string, method: string, body: JsonObject) =>
      fetch(`${standIn.url}${standIn.options.basePath}${path}`, {
        method,
        headers: { authorization: `Bearer ${defaultOptions.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
  };
};

export const is = (runtime: string) => (status: EntityStatus) => status.runtime === runtime;
export const condition = (status: EntityStatus, type: string) => status.conditions.find((one) => one.type === type);
