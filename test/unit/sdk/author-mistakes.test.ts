// Mistakes that JavaScript lets an author make: each is a clear error in the status, or is put right; none is silence or `active`.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../src/core/fault.ts';
import type { OController, Reconciler } from '../../../src/sdk/types.ts';
import { commandFor, entityAt } from '../../support/entities.ts';
import { memoryComponent } from '../../support/memory-component.ts';

const KEY = 'public.run-1';

/** The status after one reconcile by untyped code. */
const statusAfter = async (reconcile: (controller: OController) => unknown) => {
  let controller: OController | undefined;
  const reconciler: Reconciler = {
    id: () => 'test',
    init: (given) => {
      controller = given;
    },
    reconcile: async () => {
      assert.ok(controller);
      return (await reconcile(controller)) as Record<string, never>;
    },
  };
  const component = memoryComponent(reconciler);
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  component.stop();
  await running;
  return component.statuses().at(-1)?.data;
};

const reported = (update: Record<string, unknown>) => (controller: OController) =>
  controller.updateEntityStatus({ key: KEY, status: 'active', ...update });

const mistakes: readonly [what: string, reconcile: (controller: OController) => unknown, message: RegExp][] = [
  [
    'a word for a pause',
    () => ({ requeueAfterMs: 'soon' }),
    /^requeueAfterMs must be a number of milliseconds; found "soon"$/,
  ],
  ['no number', () => ({ requeueAfterMs: NaN }), /^requeueAfterMs must be a number of milliseconds; found NaN$/],
  ['a number', () => 42, /^what a reconcile returns must be {} or {requeueAfterMs}; found 42$/],
  ['null', () => null, /found null$/],
  ['another name', () => ({ requeueAfter: 5 }), /found the field "requeueAfter"; did you mean requeueAfterMs\?$/],
  [
    'a run without an id',
    reported({ run: { state: 'succeeded' } }),
    /^run\.id of public\.run-1 must be the id of entity\.run; found undefined$/,
  ],
  [
    'a run in no state',
    reported({ run: { id: 'r', state: 'done' } }),
    /^run\.state of .* must be one of pending, .*; found "done"$/,
  ],
  [
    'a change of no kind',
    reported({ change: { what: 'Changed' } }),
    /^change\.what of .* must be one of Created, .*; found "Changed"$/,
  ],
  [
    'two opinions',
    reported({ runtime: 'failed', run: { id: 'r', state: 'succeeded' } }),
    /^runtime of .* must be run\.state/,
  ],
  [
    'a truth that is none',
    reported({ conditions: [{ type: 'Ready', status: true, reason: 'X', message: '' }] }),
    /"True", "False" or "Unknown"; found true$/,
  ],
  ['an id that is a number', reported({ externalId: 42 }), /^externalId of .* must be a text; found 42$/],
  ['properties that are a list', reported({ properties: [] }), /^properties of .* must be an object; found \[\]$/],
  ['a text that is thrown', () => Promise.reject('no such thing' as unknown as Error), /^no such thing$/],
  [
    'an object that is thrown',
    () => Promise.reject({ code: 7 } as unknown as Error),
    /^what was thrown is no Error: {"code":7}$/,
  ],
  [
    'a fault made of an object',
    () => {
      const Loose = Fault as unknown as new (options: unknown) => Fault;
      throw new Loose({ code: 'COMPONENT_TERMINAL', message: 'no such factory', retry: 'never' });
    },
    /^expected new Fault\(code, message, { retry }\) .*; found {"code":"COMPONENT_TERMINAL","message":"no such factory"/,
  ],
  [
    'a retry that is none',
    () => {
      throw new Fault('COMPONENT_TERMINAL', 'gone', { retry: 'nevr' as 'never' });
    },
    /retry "never", "later" or { afterMs }; found "nevr", for: gone$/,
  ],
];

describe('a mistake of an author', () => {
  for (const [what, reconcile, message] of mistakes) {
    it(`is told in the status: ${what}`, async () => {
      const status = await statusAfter(reconcile);
      assert.match(status?.message ?? '', message);
      assert.deepEqual(
        status?.conditions.map(({ type, status: value, reason }) => [type, value, reason]),
        [
          ['Ready', 'False', 'ReconcileFailed'],
          ['Reconciling', 'True', 'ReconcileFailed'],
        ],
      );
    });
  }

  it('is none: a run without `runtime` has that of the run, and nothing returned is done', async () => {
    const status = await statusAfter(async (controller) => {
      await reported({ run: { id: 'r', state: 'inprogress' } })(controller);
    });
    assert.equal(status?.runtime, 'inprogress');
    assert.equal(status?.status, 'active');
  });
});
