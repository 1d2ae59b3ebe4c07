import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { waitTargetsOf } from '../../../src/cli/reporting.ts';
import { currentRunOf, isAnother, judgeChange, judgeRun, judgeUse } from '../../../src/client/judge-wait.ts';
import type { Receipt } from '../../../src/messages/commands.ts';
import type { ComponentStatus, Condition, RuntimeStatus } from '../../../src/messages/entity.ts';
import type { RunEnd } from '../../../src/messages/runs.ts';
import type { ComponentSpec } from '../../../src/messages/manifest-types.ts';
import type {
  EntityStatusDocument,
  GetAnswer,
  OperatorDocument,
  OperatorStatusDocument,
} from '../../../src/messages/queries.ts';
import { summaryOfEntity, summaryOfOperator } from '../../../src/views/summary.ts';
import { entityAt } from '../../support/entities.ts';
import { operatorManifest } from '../../support/fixtures.ts';

const condition = (type: string, status: Condition['status']): Condition => ({
  ...{ type, status, reason: 'Because', message: '' },
  ...{ lastTransitionTime: '2026-01-01T00:00:00.000Z', observedGeneration: 1 },
});

type Story = {
  readonly runtime?: RuntimeStatus;
  readonly ended?: RunEnd;
  readonly waiting?: readonly string[];
  readonly observed?: number;
  readonly status?: EntityStatusDocument['status'];
  readonly conditions?: readonly Condition[];
};

/** A resource at event 7 whose run `run-1` its component has reported as `runtime`. */
const resource = ({ runtime = 'succeeded', ended, waiting, observed = 7, status = 'active', conditions }: Story) => {
  const requestedAt = '2026-01-01T00:00:00.000Z';
  const entity = entityAt(7, {
    runnable: true,
    run: { id: 'run-1', number: 1, requestedAt, cancelRequested: false, ...(ended === undefined ? {} : { ended }) },
    ...(waiting === undefined ? {} : { waitingRuns: waiting.map((id, at) => ({ id, number: at + 2, requestedAt })) }),
  });
  const document: EntityStatusDocument = {
    ...{ key: entity.key, operator: entity.manifest.resource.operator, uid: entity.uid },
    ...{ observedGeneration: 1, observedSequence: observed, status, runtime, run: { id: 'run-1', state: runtime } },
    conditions: conditions ?? [condition('Ready', runtime === 'succeeded' ? 'True' : 'False')],
    ...{ properties: {}, updatedAt: requestedAt, sequence: 9 },
  };
  const summary = summaryOfEntity(entity, document);
  return { type: 'resource', summary, entity, status: document, sequence: 7 } as const satisfies GetAnswer;
};

describe('what is waited for', () => {
  it('is the very run that was asked for, and the end of no other', () => {
    const earlier = resource({ runtime: 'cancelled', waiting: ['run-2'] });
    assert.equal(judgeRun(earlier, 'run-2'), undefined);
    assert.equal(judgeRun(earlier, 'run-1'), 'failed');
    assert.equal(judgeRun(resource({ runtime: 'succeeded' }), 'run-1'), 'ready');
    assert.equal(judgeRun(resource({ runtime: 'inprogress' }), 'run-1'), undefined);
    assert.equal(judgeRun(resource({ ended: 'replaced', runtime: 'cancelled' }), 'run-1'), 'failed');
    assert.equal(judgeRun(resource({}), 'run-0'), 'elsewhere');
  });

  it('is that a change was observed, whatever became of earlier runs', () => {
    for (const runtime of ['cancelled', 'failed', 'succeeded', 'inprogress'] as const) {
      assert.equal(judgeChange(resource({ runtime }), 1, 7), 'ready', runtime);
      assert.equal(judgeChange(resource({ runtime, observed: 6 }), 1, 7), undefined, `${runtime}, not seen yet`);
      assert.equal(judgeChange(resource({ runtime }), 2, 7), undefined, `${runtime}, of the generation before`);
    }
    const stalled = [condition('Ready', 'False'), condition('Stalled', 'True')];
    assert.equal(judgeChange(resource({ status: 'error', conditions: stalled }), 1, 7), 'failed');
    const suspended = [condition('Ready', 'True'), condition('Suspended', 'True')];
    assert.equal(judgeChange(resource({ conditions: suspended }), 1, 7), 'failed');
  });

  it('is the run that goes on, where nothing was asked for or held back, and no run that has ended', () => {
    assert.equal(currentRunOf(resource({ runtime: 'inprogress' })), 'run-1');
    assert.equal(currentRunOf(resource({ runtime: 'failed' })), undefined);
    assert.equal(currentRunOf(resource({ runtime: 'pending', ended: 'failed' })), undefined);
  });

  it('is over for a deletion when the name is there again without it', () => {
    assert.equal(isAnother(resource({}), 7), true);
    assert.equal(isAnother(resource({}), undefined), false);
  });

  it('is told by the receipt: the run of its event, its sequence, its generation', () => {
    const receipt = (type: string | undefined): Receipt => ({
      ...{ commandId: 'c', verb: 'apply', accepted: true },
      events:
        type === undefined
          ? []
          : [{ id: 'e-1', type, subject: 'opstream.event.01.resource.public.run-1', sequence: 7 }],
      entity: { kind: 'resource', workspace: 'public', name: 'run-1', generation: 2 },
    });
    const of = (type: string | undefined) => waitTargetsOf(receipt(type))[0];
    assert.deepEqual(of('io.opstream.resource.run-requested.v1'), {
      identity: { kind: 'resource', workspace: 'public', name: 'run-1' },
      ...{ generation: 2, minSequence: 7, run: { id: 'e-1' } },
    });
    assert.equal(of('io.opstream.resource.resumed.v1')?.run, 'current');
    assert.equal(of(undefined)?.run, 'current');
  });

  it('is, for a secret, that every component that refers to it runs with it', () => {
    const component = { name: 'worker', type: 'worker', compute: 'runnable-default', replicas: 1 } as const;
    const place = { workspace: 'public', name: 'db' };
    const judged = (seen: Partial<ComponentStatus> | undefined, change: Partial<ComponentSpec> = {}) => {
      const manifest = operatorManifest();
      const components = [
        { ...component, secrets: [{ name: 'db', allKeys: true }], ...change },
        { ...component, name: 'no' },
      ];
      const operator = {
        ...{
          name: 'adf-operator',
          uid: 'u-1',
          generation: 1,
          createdAt: '',
          updatedAt: '',
          createdBy: '',
          updatedBy: '',
        },
        ...{ sequence: 1, manifest: { ...manifest, operator: { ...manifest.operator, components } } },
      } as OperatorDocument;
      const base = { name: 'worker', compute: 'runnable-default', desired: 1, ready: 1, restarts: 0, instances: [] };
      const status: OperatorStatusDocument = {
        ...{ operator: operator.name, observedGeneration: 1, observedSequence: 1, status: 'active', conditions: [] },
        ...{ updatedAt: '', sequence: 9 },
        components: seen === undefined ? [] : [{ ...base, state: 'Running', ...seen }],
      };
      const summary = summaryOfOperator(operator, status);
      return judgeUse({ type: 'operator', summary, operator, status, sequence: 1 }, place, 7).verdict;
    };
    const secrets = { 'public/db': 7 };
    assert.equal(judged({ secrets }), 'ready');
    assert.equal(judged({ secrets: { 'public/db': 6 } }), undefined, 'runs with what it held before');
    assert.equal(judged({ secrets, state: 'Progressing' }), undefined, 'is rolled');
    assert.equal(judged({}), undefined, 'nobody has said');
    assert.equal(judged(undefined), undefined, 'nobody has looked');
    assert.equal(judged({ secrets, state: 'CrashLoopBackOff' }), 'failed');
    assert.equal(judged({ state: 'Failed' }), undefined, 'what was wrong before may be mended by it');
    assert.equal(judged({ state: 'External' }), 'ready');
    assert.equal(judged({}, { secrets: [], imagePullSecret: 'db' }), 'ready', 'a process pulls no image');
    assert.equal(judged({}, { secrets: [] }), 'ready', 'it refers to another');
  });
});
