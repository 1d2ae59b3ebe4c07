import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createReplay, eventLine } from '../../../src/cli/event-text.ts';
import { createTerminal } from '../../../src/program/terminal.ts';
import { storedYaml } from '../../../src/cli/stored-form.ts';
import type { Entity } from '../../../src/messages/entity.ts';
import type { EntityStatusDocument, HistoryEntry } from '../../../src/messages/queries.ts';
import { summaryOfEntity } from '../../../src/views/summary.ts';
import { entityAt } from '../../support/entities.ts';
import { resourceManifest } from '../../support/fixtures.ts';

const envelope = {
  ...{ id: 'e', time: '2026-01-01T00:00:00.000Z', subject: 'resource.public.run-1', actor: 'iamgroot' },
  ...{ correlationid: 'c', causationid: 'c', commandid: 'c' },
};
const declared: HistoryEntry = {
  stream: 'events',
  sequence: 7,
  event: {
    ...envelope,
    type: 'io.opstream.resource.declared.v1',
    generation: 1,
    data: {
      uid: 'u',
      runnable: true,
      manifest: resourceManifest({ pipelineName: 'p' }) as never,
      run: { id: 'e', number: 1, requestedAt: envelope.time },
    },
  },
};
const changed: HistoryEntry = {
  stream: 'events',
  sequence: 9,
  event: {
    ...envelope,
    type: 'io.opstream.resource.changed.v1',
    generation: 2,
    data: { patch: [{ op: 'replace', path: '/resource/spec/pipelineName', value: 'q' }] },
  },
};
const observed: HistoryEntry = {
  stream: 'status',
  sequence: 3,
  event: {
    ...envelope,
    type: 'io.opstream.entity.observed.v1',
    generation: 2,
    data: {
      status: 'active',
      runtime: 'failed',
      observedGeneration: 2,
      conditions: [{ type: 'Stalled', status: 'True' }],
      message: 'quota\u001b[2J',
    },
  },
};

describe('an event as a line', () => {
  it('says when, what, which generation and who', () => {
    assert.equal(eventLine(declared), '2026-01-01T00:00:00.000Z  event  #7  gen 1  declared  run 1  by iamgroot');
    assert.equal(
      eventLine(changed, { withSubject: true }),
      '2026-01-01T00:00:00.000Z  event  #9  gen 2  resource public/run-1  changed  replace /resource/spec/pipelineName  by iamgroot',
    );
    assert.equal(
      eventLine(observed),
      '2026-01-01T00:00:00.000Z  status #3  gen 2  observed  active failed  [Stalled]  "quota?[2J"',
    );
  });
});

describe('a replay', () => {
  it('has the desired state after each event', () => {
    const replay = createReplay();
    assert.equal((replay.absorb(declared) as Entity).generation, 1);
    const after = replay.absorb(changed) as Entity;
    assert.equal(after.manifest.resource.spec['pipelineName'], 'q');
    assert.equal(after.sequence, 9);
    assert.deepEqual(replay.absorb({ stream: 'events', sequence: 10, event: { type: 'x' } }), { problem: 'no id' });
    const foreign = { ...changed, sequence: 11, setAside: 'not signed' };
    assert.deepEqual(replay.absorb(foreign), { problem: 'not signed' });
    assert.match(eventLine(foreign), /set aside: not signed/);
  });
});

describe('the stored form', () => {
  it('has the fields of the seed in its order, with the synchronized metadata', () => {
    const entity = entityAt(1);
    const status: EntityStatusDocument = {
      ...{
        key: entity.key,
        operator: entity.manifest.resource.operator,
        uid: entity.uid,
        observedGeneration: 1,
        observedSequence: 1,
      },
      status: 'active',
      runtime: 'succeeded',
      ...{ conditions: [], externalId: 'run-7', properties: { runId: 'run-7' } },
      ...{ updatedAt: envelope.time, sequence: 1 },
    };
    const yaml = storedYaml({
      type: 'resource',
      summary: summaryOfEntity(entity, status),
      entity,
      status,
      sequence: 1,
    });
    const topLevel = yaml
      .split('\n')
      .filter((line) => /^[a-z]/.test(line))
      .map((line) => line.split(':')[0]);
    assert.match(yaml, /^# run-1:v1alpha:resource:public\n/);
    assert.deepEqual(
      topLevel.filter(
        (name) => !['layer', 'labels', 'updated', 'createdBy', 'updatedBy', 'description'].includes(name ?? ''),
      ),
      [
        ...[
          'name',
          'version',
          'type',
          'tags',
          'owner',
          'workspace',
          'resource',
          'generation',
          'uid',
          'created',
          'status',
        ],
      ],
    );
    assert.match(yaml, /\nstatus:\n {2}aggregateStatus: active\n {2}runtimeState:\n {4}status: succeeded\n/);
    assert.match(yaml, /\n {2}properties:\n {4}runId: run-7\n/);
  });
});

describe('the terminal', () => {
  it('lets nobody else move its cursor', () => {
    let text = '';
    const sink = { write: (part: string) => (text += part) };
    createTerminal({ stdout: sink, stderr: sink, env: {}, nowMs: () => 0 }).out('a\u001b]0;title\u0007b\nc');
    assert.equal(text, 'a\ufffd]0;title\ufffdb\nc\n');
  });
});
