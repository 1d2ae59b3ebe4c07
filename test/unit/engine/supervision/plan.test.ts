import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { reportComponent, reportOperator } from '../../../../src/engine/supervision/component-report.ts';
import { defaultSettings, type SlotHistory } from '../../../../src/engine/supervision/decide.ts';
import { instanceId, parseInstanceId } from '../../../../src/engine/supervision/instance-id.ts';
import { planComponent, type PlanContext } from '../../../../src/engine/supervision/plan.ts';
import { noSecrets } from '../../../../src/engine/supervision/plan-inputs.ts';
import type { ComponentSpec } from '../../../../src/messages/manifest-types.ts';
import type { OperatorDocument } from '../../../../src/messages/queries.ts';
import { operatorManifest } from '../../../support/fixtures.ts';

const component: ComponentSpec = {
  ...{ name: 'adf-controller', type: 'worker', compute: 'runnable-default', image: 'i:1', replicas: 2 },
  ...{ runAsUser: 'minerva-cluster', environmentVars: { METRIC_PORT: 30001, LOG_LEVEL: 'info' } },
};
const operator = (change: Partial<OperatorDocument> = {}): OperatorDocument => ({
  ...{ name: 'adf-operator', uid: 'u-1', generation: 1, createdAt: '', updatedAt: '', createdBy: '', updatedBy: '' },
  ...{ sequence: 1, manifest: operatorManifest() },
  ...change,
});
const context = (change: Partial<PlanContext> = {}): PlanContext => ({
  ...{ prefix: 'opstream', secrets: noSecrets },
  access: { environment: { OPSTREAM_NATS_URL: 'nats://h:4222' }, credentials: { OPSTREAM_NATS_PASSWORD: 'p' } },
  digest: (text) => createHash('sha256').update(text).digest('hex').slice(0, 10),
  ...change,
});
const revisionOf = (of: ComponentSpec, change: Partial<PlanContext> = {}): string | undefined =>
  planComponent(operator(), of, context(change))[0]?.revision;

describe('the plan of a component', () => {
  it('has an instance for each replica, which knows who and where it is', () => {
    const specs = planComponent(operator(), component, context());
    assert.deepEqual(
      specs.map(({ replica }) => replica),
      [0, 1],
    );
    const [first] = specs;
    assert.equal(
      first?.id,
      instanceId({ operator: 'adf-operator', component: component.name, replica: 0, revision: first?.revision ?? '' }),
    );
    assert.deepEqual(first?.environment, {
      ...{ DATAOS_NAME: 'adf-operator', DATAOS_TYPE: 'operator', DATAOS_RESOURCE_ID: 'operator:v1alpha:adf-operator' },
      ...{ DATAOS_UID: 'u-1', DATAOS_TAGS: 'adf', DATAOS_DESCRIPTION: '', DATAOS_RUN_AS_USER: 'minerva-cluster' },
      ...{ DATAOS_IS_DRY_RUN: 'false', DATAOS_LOG_LEVEL: 'info', RUNNABLE_TYPE: 'worker' },
      ...{ OPSTREAM_PREFIX: 'opstream', OPSTREAM_OPERATOR: 'adf-operator', OPSTREAM_NATS_URL: 'nats://h:4222' },
      ...{ OPSTREAM_NATS_PASSWORD: 'p', METRIC_PORT: '30001', LOG_LEVEL: 'info' },
    });
  });

  it('has another revision after a restart was asked for, and only the component that was named', () => {
    const revisionAfter = (restarts: Readonly<Record<string, number>>, name: string): string | undefined =>
      planComponent(operator({ restarts }), { ...component, name }, context())[0]?.revision;
    const before = revisionAfter({}, 'worker');
    assert.notEqual(revisionAfter({ worker: 7 }, 'worker'), before);
    assert.notEqual(revisionAfter({ worker: 7 }, 'worker'), revisionAfter({ worker: 9 }, 'worker'));
    assert.equal(revisionAfter({ other: 7 }, 'worker'), before);
    assert.equal(revisionAfter({ worker: 7 }, 'constructor'), revisionAfter({}, 'constructor'));
  });

  it('derives the channel when there is one, or when the component names one', () => {
    const [two] = planComponent(operator(), component, context());
    assert.ok(!('ENTITY_OF_INTEREST_MESSAGE_STREAM' in (two?.environment ?? {})));
    const named = { ...component, environmentVars: { ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: 'adf.dataset' } };
    const [one] = planComponent(operator(), named, context());
    assert.equal(one?.environment['ENTITY_OF_INTEREST_MESSAGE_STREAM'], 'dataos-azure-entities');
    assert.equal(
      one?.environment['ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT'],
      'dataos.operator.adf.dataset.reply',
    );
    assert.equal(one?.environment['ENTITY_OF_INTEREST_MESSAGE_QUEUE'], 'adf-operator-adf-controller');
  });

  it('has another revision for whatever an instance is started with, and not for how many there are', () => {
    const plain = revisionOf(component);
    assert.equal(revisionOf({ ...component, replicas: 5 }), plain);
    assert.notEqual(revisionOf(component, { local: '{"command":["other"]}' }), plain);
    const changes: readonly Partial<ComponentSpec>[] = [
      { image: 'i:2' },
      { command: ['x'] },
      { arguments: ['x'] },
      { environmentVars: {} },
      { ports: [{ name: 'm', servicePort: 1, targetPort: 1 }] },
      { runAsUser: 'other' },
      { type: 'service' },
      { compute: 'container' },
      { imagePullSecret: 'other' },
    ];
    const all = [plain, ...changes.map((change) => revisionOf({ ...component, ...change }))];
    assert.equal(new Set(all).size, changes.length + 1);
  });

  it('is the same for a service and a worker, but for what they are told', () => {
    const ports = [{ name: 'web', servicePort: 80, targetPort: 8080 }];
    const [worker, service] = (['worker', 'service'] as const).flatMap((type) =>
      planComponent(operator(), { ...component, type, ports, replicas: 1 }, context()),
    );
    const name = { id: worker?.id, revision: worker?.revision, parts: worker?.parts };
    const told = { ...worker?.environment, RUNNABLE_TYPE: 'service' };
    assert.deepEqual({ ...service, ...name }, { ...worker, type: 'service', environment: told });
  });

  it('is the same in any layer', () => {
    const layered = (layer: 'user' | 'system') =>
      planComponent(operator({ manifest: operatorManifest({ layer }) }), component, context());
    assert.deepEqual(layered('system'), layered('user'));
  });

  it('follows secrets by their version, and never by what is in them', () => {
    const secrets = (value: string, version: string) => ({ environment: { KEY: value }, files: [], version });
    const first = revisionOf(component, { secrets: secrets('one', 'public/s@1') });
    assert.equal(revisionOf(component, { secrets: secrets('two', 'public/s@1') }), first);
    assert.notEqual(revisionOf(component, { secrets: secrets('one', 'public/s@2') }), first);
    const [spec] = planComponent(operator(), component, context({ secrets: secrets('one', 'v'), apiKey: 'k' }));
    assert.equal(spec?.environment['KEY'], 'one');
    assert.equal(spec?.environment['DATAOS_RUN_AS_APIKEY'], 'k');
  });
});

describe('the name of an instance', () => {
  it('is read as it was made, and nothing else is', () => {
    const ref = { operator: 'op', component: 'c-1', replica: 12, revision: 'abc' };
    assert.deepEqual(parseInstanceId(instanceId(ref)), ref);
    for (const text of ['', 'a', 'a.b.c.d', 'a.b.1', 'a.b.1.', 'a.b.1.c.d', 'a.b.-1.c'])
      assert.equal(parseInstanceId(text), undefined);
  });
});

describe('the report of a component', () => {
  const desired = planComponent(operator(), { ...component, replicas: 1 }, context());
  const slot: SlotHistory = {
    ...{ revision: desired[0]?.revision ?? '', wantedSinceMs: 0, failures: 0, restarts: 0, starts: 1 },
    ...{ nextStartMs: 0, countedStartMs: -1 },
  };
  const report = (change: Partial<SlotHistory>, nowMs = 1000) =>
    reportComponent({
      ...{ component, isExternal: false, desired, observed: [], settings: defaultSettings, nowMs },
      history: new Map([[0, { ...slot, ...change }]]),
    });

  it('calls what ends again and again a crash loop, with when it is started next', () => {
    const lastFailure = { code: 'EXITED', message: 'ended with exit code 1' };
    assert.equal(report({ failures: 2, lastFailure, nextStartMs: 5000 }).status.state, 'Progressing');
    const { status, problem } = report({ failures: 3, lastFailure, nextStartMs: 5000 });
    assert.equal(status.state, 'CrashLoopBackOff');
    assert.equal(
      status.message,
      'replica 0 ended with exit code 1; it is started again at 1970-01-01T00:00:05.000Z, after 3 failures in a row',
    );
    assert.equal(problem?.code, 'CrashLoopBackOff');
  });

  it('stalls after its time', () => {
    assert.equal(report({}, 119_999).isStalled, false);
    const stalled = report({}, 120_000);
    const { conditions } = reportOperator(7, [stalled]);
    assert.deepEqual(
      conditions.map(({ type, status, reason }) => [type, status, reason]),
      [
        ['ComponentsReady', 'False', 'ProgressDeadlineExceeded'],
        ['Stalled', 'True', 'ProgressDeadlineExceeded'],
      ],
    );
  });
});
