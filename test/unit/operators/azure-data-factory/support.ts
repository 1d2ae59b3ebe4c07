// The operator's parts against a stand-in of Azure over real HTTP: settings that point at it, its admin surface, and a component around
// the reconciler with the SDK's own loop and controller on stores in memory. `restart` is what follows a crash: another process with the
// same stores and a larger fence.

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { createDataFactory, type DataFactory } from '../../../../src/operators/azure-data-factory/client.ts';
import { createIdentity } from '../../../../src/operators/azure-data-factory/identity.ts';
import { createAdfReconciler } from '../../../../src/operators/azure-data-factory/reconciler.ts';
import { readSettings, type AdfSettings } from '../../../../src/operators/azure-data-factory/settings.ts';
import { systemClock } from '../../../../src/program/clock.ts';
import { silentLog } from '../../../../src/program/logger.ts';
import { createController } from '../../../../src/sdk/controller.ts';
import { createMemoryEntityStatusStore, createMemoryEntityStore } from '../../../../src/sdk/index.ts';
import { createComponentMetrics } from '../../../../src/sdk/metrics.ts';
import { createReconcileLoop, type ReconcileLoop } from '../../../../src/sdk/reconcile-loop.ts';
import type { Entity, EntityStatus, JsonObject, Log, OController, Reconciler } from '../../../../src/sdk/index.ts';
import { defaultOptions, type StandInOptions } from '../../../../src/stand-ins/azure-data-factory/options.ts';
import { startStandIn, type StandIn } from '../../../../src/stand-ins/azure-data-factory/server.ts';
import { entityAt } from '../../../support/entities.ts';
import { resourceManifest } from '../../../support/fixtures.ts';
import { waitFor } from '../../../support/wait-for.ts';

export const PIPELINE = 'ArmtemplateSampleCopyPipeline';
export const seedSpec = {
  factoryName: 'datafactoryoz3un3trdpaa',
  pipelineName: PIPELINE,
  resourceGroupName: 'Engineering',
};

type Env = Readonly<Record<string, string>>;

export const environmentFor = (standIn: Pick<StandIn, 'url' | 'loginUrl'>, changes: Env = {}): Env => ({
  AZURE_TENANT_ID: defaultOptions.tenantId,
  AZURE_CLIENT_ID: defaultOptions.clientId,
  AZURE_CLIENT_SECRET: defaultOptions.clientSecret,
  AZURE_SUBSCRIPTION_ID: defaultOptions.subscriptionId,
  AZURE_AUTHORITY_HOST: standIn.loginUrl,
  AZURE_MANAGEMENT_URL: standIn.url,
  AZURE_POLL_INTERVAL: '50ms',
  AZURE_REQUEST_TIMEOUT: '5s',
  AZURE_RUN_SEARCH_GRACE: '400ms',
  ...changes,
});

export const settingsFor = (standIn: Pick<StandIn, 'url' | 'loginUrl'>, changes: Env = {}): AdfSettings =>
  readSettings({ env: environmentFor(standIn, changes) });

/** A resource that wants its `run`th run. */
export const wanting = (
  run: number,
  changes: Partial<Entity> & {
    readonly name?: string;
    readonly spec?: JsonObject;
    readonly cancelRequested?: boolean;
  } = {},
): Entity => {
  const { spec = seedSpec, cancelRequested = false, name = 'run-1', ...rest } = changes;
  return entityAt(rest.sequence ?? run * 10, {
    name,
    runnable: true,
    run: {
      id: `00000000-0000-4000-8000-${String(run).padStart(6, '0')}${Buffer.from(name).toString('hex').slice(-6).padStart(6, '0')}`,
      number: run,
      requestedAt: '2026-01-01T00:00:00.000Z',
      cancelRequested,
    },
    manifest: resourceManifest(spec, { name }),
    ...rest,
  });
};

export type AdminRun = {
  readonly runId: string;
  readonly runGroupId: string;
  readonly pipelineName: string;
  readonly status: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly recoveryOf: string | null;
  readonly activities: readonly string[];
  readonly clientRequestId: string | null;
};
export type AdminRequest = {
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly status?: number;
  readonly userAgent?: string;
  readonly time: string;
  readonly underWay: number;
  readonly underWayForRun: number;
};

/** The stand-in's surface for tests. */
export const adminOf = ({ adminUrl }: Pick<StandIn, 'adminUrl'>) => {
  const get = async <T>(path: string): Promise<T> => (await (await fetch(`${adminUrl}/${path}`)).json()) as T;
  const post = async (path: string, body?: unknown): Promise<void> => {
    const init =
      body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${adminUrl}/${path}`, { method: 'POST', ...init });
    assert.ok(response.ok, await response.text());
  };
  return {
    runs: async () => (await get<{ value: readonly AdminRun[] }>('runs')).value,
    requests: async (operation: string) =>
      (await get<{ value: readonly AdminRequest[] }>(`requests${operation === '' ? '' : `?operation=${operation}`}`))
        .value,
    violations: async () => (await get<{ value: readonly { readonly kind: string }[] }>('violations')).value,
    fault: (fault: JsonObject) => post('faults', fault),
    pipeline: (script: JsonObject) => post('pipelines', { pipelineName: PIPELINE, ...script }),
    expireTokens: () => post('expire-tokens'),
    reset: () => post('reset'),
  };
};

export const startAzure = async (options: Partial<StandInOptions> = {}) => {
  const standIn = await startStandIn({ queuedMs: 50, runMs: 150, cancelMs: 50, ...options });
  after(() => standIn.close());
  return { standIn, admin: adminOf(standIn) };
};

type ComponentOptions = {
  readonly env?: Env;
  readonly log?: Log;
  readonly maxWorkers?: number;
  /** Called before and after every call of the reconciler to Azure and to its controller; what it awaits holds the call up. */
  onStep?(step: string): void | Promise<void>;
  /** Called before a status is stored; a throw keeps it out. */
  onPut?(status: EntityStatus): void | Promise<void>;
};

type Method = (...args: unknown[]) => unknown;

const stepwise = <T extends DataFactory | OController>(target: T, onStep: (step: string) => void | Promise<void>): T =>
  new Proxy(target, {
    get:
      (object, name) =>
      async (...args: unknown[]) => {
        await onStep(`before ${String(name)}`);
        const result = await (Reflect.get(object, name) as Method).apply(object, args);
        await onStep(`after ${String(name)}`);
        return result;
      },
  });

/** The reconciler with `stepwise` around the controller of each reconcile. */
const seenByStep = (reconciler: Reconciler, onStep: (step: string) => void | Promise<void>): Reconciler => ({
  ...reconciler,
  reconcile: (request, context) => {
    const controller = stepwise<OController>(context.controller, onStep);
    const seen = new Proxy(context, {
      get: (target, name) => (name === 'controller' ? controller : (Reflect.get(target, name, target) as unknown)),
    });
    return reconciler.reconcile(request, seen);
  },
});

/** What the operator synchronizes, as tests look at it. */
export type Synchronized = {
  readonly pipeline: JsonObject;
  readonly pipelineRun: JsonObject & { readonly invokedBy: JsonObject };
  readonly activityRuns: readonly (JsonObject & { readonly output: JsonObject; readonly error: JsonObject })[];
};
export const synchronized = ({ properties }: EntityStatus): Synchronized => properties as unknown as Synchronized;

/** The component on stores in memory; starts at once. */
export const component = (standIn: Pick<StandIn, 'url' | 'loginUrl'>, options: ComponentOptions = {}) => {
  const entities = createMemoryEntityStore();
  const kept = createMemoryEntityStatusStore();
  const history: EntityStatus[] = [];
  let fence = 0;
  let current: ReconcileLoop | undefined;

  const start = (changes: ComponentOptions = {}): void => {
    const { env, log = silentLog, maxWorkers = 4, onPut, onStep } = { ...options, ...changes };
    fence += 1;
    const own = fence;
    const settings = settingsFor(standIn, env);
    const api = createDataFactory(settings, createIdentity(settings));
    const reconciler = createAdfReconciler({ settings, api: onStep === undefined ? api : stepwise(api, onStep) });
    const controller = createController({
      entities,
      statuses: {
        get: (key, operator) => kept.get(key, operator),
        put: async (status, token) => {
          await onPut?.(status);
          // A later component has taken over: what the earlier one says does not count any more.
          if (own !== fence) throw new Error('fenced off');
          await kept.put(status, token);
          history.push(status);
        },
      },
      operator: undefined,
      clock: systemClock,
      fence: () => own,
    });
    void reconciler.init?.(onStep === undefined ? controller : stepwise<OController>(controller, onStep));
    current = createReconcileLoop({
      reconciler: onStep === undefined ? reconciler : seenByStep(reconciler, onStep),
      ...{ controller, entities, log, maxWorkers },
      clock: systemClock,
      metrics: createComponentMetrics(),
      fence: own,
      resyncIntervalMs: 3_600_000,
      reconcileTimeoutMs: 30_000,
      backOff: { baseMs: 20, capMs: 200 },
      random: Math.random,
      onFenced: () => {},
      onGone: () => {},
    });
  };

  start();
  const stop = async (): Promise<void> => {
    await current?.stop('test');
  };
  after(stop);

  return {
    history,
    stop,
    declare: async (entity: Entity): Promise<void> => {
      await entities.put(entity);
      current?.line.changed(entity.key);
    },
    /** Like a new process after a crash: the old loop is left to itself and its writes are fenced off. */
    restart: async (changes: ComponentOptions = {}): Promise<void> => {
      const old = current;
      start(changes);
      void old?.stop('crash');
      for await (const { key } of entities.list()) current?.line.due(key);
    },
    status: (key = 'public.run-1') => kept.get(key, 'adf-operator'),
    until: (predicate: (status: EntityStatus) => boolean, what: string, key = 'public.run-1'): Promise<EntityStatus> =>
      waitFor(
        async () => {
          const status = await kept.get(key, 'adf-operator');
          return status !== undefined && predicate(status) ? status : undefined;
        },
        { what: `${what} of ${key}`, intervalMs: 10 },
      ),
  };
};

export type Component = ReturnType<typeof component>;

export const condition = (status: EntityStatus, type: string) => status.conditions.find((one) => one.type === type);
