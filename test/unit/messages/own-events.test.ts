// What counts as an event or a status of ours, and that nobody decides it anywhere else.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { STATUS_TYPE, type StatusEvent } from '../../../src/messages/entity.ts';
import { createOwnEvents } from '../../../src/messages/own-events.ts';
import { namesFor, resourceRef } from '../../../src/messages/subjects.ts';
import { dated, resourceManifest } from '../../support/fixtures.ts';
import { stored } from '../../support/memory-ports.ts';

const names = namesFor('opstream');
const own = createOwnEvents(names);
const ref = resourceRef('public', 't1');
const declared = dated(
  {
    type: 'io.opstream.resource.declared.v1',
    generation: 1,
    data: { uid: 'u', manifest: resourceManifest({}, { name: 't1' }), runnable: false },
  },
  1,
  'resource.public.t1',
);
const subject = names.event(ref);
const problemOf = (on: string, value: unknown): string | undefined => {
  const given = own.event(stored(1, on, value));
  return 'problem' in given ? given.problem : undefined;
};

describe('an event of ours', () => {
  it('has the form, and lies on the subject of its thing', () => {
    const given = own.event(stored(1, subject, declared));
    assert.ok('event' in given);
    assert.deepEqual(given.ref, ref);
  });

  it('is none on another subject, whatever it holds', () => {
    assert.equal(subject, 'opstream.event.05.resource.public.t1');
    for (const [on, reason] of [
      ['opstream.event.06.resource.public.t1', /shard of that is 05/],
      ['opstream.event.05.resource.public.t2', /./],
      ['opstream.event.05.resource._.t1', /no workspace of a resource/],
      ['opstream.event.05.bundle.public.t1', /not on a subject of events/],
      ['opstream.event.05.resource.public.t1.more', /not on a subject of events/],
      ['opstream.event.x', /not on a subject of events/],
    ] as const) {
      assert.match(problemOf(on, declared) ?? '', reason, on);
    }
    const t2 = resourceRef('public', 't2');
    assert.match(problemOf(names.event(t2), declared) ?? '', /not an event of resource\.public\.t2/);
  });

  it('is none when a further rule says so', () => {
    const strict = createOwnEvents(names, [(message) => message.header?.('Signature') ?? 'not signed']);
    const given = strict.event(stored(1, subject, declared));
    assert.deepEqual(given, { problem: 'not signed' });
  });
});

describe('a status of ours', () => {
  const status = {
    ...dated({ type: 'io.opstream.resource.suspended.v1', generation: 1, data: {} }, 1),
    type: STATUS_TYPE,
    data: {
      key: 'public.t1',
      operator: 'op',
      uid: 'u',
      observedGeneration: 1,
      observedSequence: 1,
      status: 'active',
      conditions: [],
      properties: {},
      fence: 1,
    },
  } as unknown as StatusEvent;
  const on = names.status({ operator: 'op', workspace: 'public', name: 't1' });
  const problem = (at: string, value: unknown): string | undefined => {
    const given = own.status(stored(1, at, value));
    return 'problem' in given ? given.problem : undefined;
  };

  it('is of the operator and the resource that its subject names', () => {
    assert.equal(problem(on, status), undefined);
    const { key: _key, ...withoutKey } = status.data;
    assert.equal(problem(on, { ...status, data: withoutKey }), undefined);
    assert.match(problem(on, { ...status, data: { ...status.data, operator: 'other' } }) ?? '', /of operator op/);
    assert.match(
      problem(on, { ...status, data: { ...status.data, key: 'public.t2' } }) ?? '',
      /not a status of public/,
    );
    assert.match(problem(on.replace('status.05', 'status.06'), status) ?? '', /shard/);
    assert.match(problem('opstream.status.05.op._.op', status) ?? '', /./);
  });
});

it('is decided in one place', () => {
  const sourceFiles = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `src/${file}`);
  // The contract suite and a waiting client look at what passes by, not at what is stored.
  const others = new Set(['src/contract/witness.ts', 'src/client/wait-ready.ts', 'src/cli/event-text.ts']);
  const readers = sourceFiles.filter(
    (file) =>
      !file.startsWith('src/messages/') && /import [^;]*decode(?:Status)?Event/.test(readFileSync(file, 'utf8')),
  );
  assert.deepEqual(
    readers.filter((file) => !others.has(file)),
    [],
  );
});
