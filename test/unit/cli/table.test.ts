import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { displayWidth, renderTable } from '../../../src/cli/table.ts';
import { ageOf, summaryTable } from '../../../src/cli/summary-table.ts';
import type { Summary } from '../../../src/messages/queries.ts';

const summary = (changes: Partial<Summary> = {}): Summary => ({
  name: 'pipeline-run-1',
  version: 'v1alpha',
  type: 'resource',
  workspace: 'public',
  status: 'active',
  runtime: 'inprogress',
  owner: 'iamgroot',
  ready: 'False',
  reason: 'RunInProgress',
  operator: 'adf-operator',
  resourceType: 'pipeline-run',
  tags: ['adf-pipeline', 'adf-operator'],
  generation: 2,
  observedGeneration: 1,
  createdAt: '2025-01-01T00:00:00.000Z',
  updatedAt: '2025-01-01T00:00:00.000Z',
  ...changes,
});

describe('the table of get', () => {
  it('has the form of the seed', () => {
    const expected = [
      '      NAME       | VERSION |   TYPE   | WORKSPACE | STATUS |  RUNTIME   |   OWNER',
      '-----------------|---------|----------|-----------|--------|------------|-------------------',
      '  pipeline-run-1 | v1alpha | resource | public    | active | inprogress |  iamgroot',
    ];
    assert.deepEqual(summaryTable([summary()], { nowMs: 0 }).split('\n'), expected);
  });

  it('keeps its columns apart whatever their length', () => {
    const lines = summaryTable([summary({ name: 'x', owner: 'y'.repeat(40), runtime: '' }), summary()], {
      nowMs: 0,
    }).split('\n');
    const bars = lines.map((line) => [...line.matchAll(/\|/g)].map(({ index }) => index));
    for (const positions of bars.slice(1)) assert.deepEqual(positions, bars[0]);
    assert.equal(lines[1]?.split('|').at(-1)?.length, 44);
  });

  it('shows readiness behind the columns of the seed when it was asked for', () => {
    const lines = summaryTable([summary()], { nowMs: 0, withReadiness: true })
      .split('\n')
      .map((line) => line.split('|').map((cell) => cell.trim()));
    assert.deepEqual(lines[0]?.slice(6), ['OWNER', 'READY', 'REASON']);
    assert.deepEqual(lines[2]?.slice(6), ['iamgroot', 'False', 'RunInProgress']);
  });

  it('adds columns for wide and tags', () => {
    const [header = '', , row = ''] = summaryTable(
      [summary({ layer: 'system', externalName: 'runs/4711', externalId: 'run-4711' })],
      {
        isWide: true,
        withTags: true,
        nowMs: Date.parse('2025-01-01T00:02:30Z'),
      },
    ).split('\n');
    assert.deepEqual(
      header
        .split('|')
        .slice(7)
        .map((cell) => cell.trim()),
      [
        'READY',
        'REASON',
        'OPERATOR',
        'RESOURCE TYPE',
        'OBSERVED',
        'LAYER',
        'EXTERNAL NAME',
        'EXTERNAL ID',
        'AGE',
        'TAGS',
      ],
    );
    assert.deepEqual(
      row
        .split('|')
        .slice(7)
        .map((cell) => cell.trim()),
      [
        'False',
        'RunInProgress',
        'adf-operator',
        'pipeline-run',
        '1/2',
        'system',
        'runs/4711',
        'run-4711',
        '2m',
        'adf-pipeline,adf-operator',
      ],
    );
  });

  it('says at a glance what an operator that is active suffers from', () => {
    const notReady = { reason: 'CrashLoopBackOff', message: 'replica 0 ended with exit code 3' };
    const lines = (isWide: boolean): readonly (readonly string[])[] =>
      summaryTable([summary({ runtime: '', notReady }), summary({ runtime: '' })], { nowMs: 0, isWide })
        .split('\n')
        .map((line) => line.split('|').map((cell) => cell.trim()));
    assert.equal(lines(false)[2]?.[5], 'CrashLoopBackOff');
    assert.deepEqual(
      lines(true).map((cells) => cells[16]),
      ['WHY NOT READY', lines(true)[1]?.[16], 'replica 0 ended with exit code 3', ''],
    );
  });

  it('gives wide characters their width and breaks no line', () => {
    assert.equal(displayWidth('a漢'), 3);
    const lines = renderTable(['A', 'B'], [['漢', 'one\ntwo']]).split('\n');
    assert.equal(lines.length, 3);
    assert.equal(lines[2], '  漢 |  one two');
  });
});

describe('ages', () => {
  it('have one unit', () => {
    const nowMs = Date.parse('2025-01-03T00:00:00Z');
    assert.equal(ageOf('2025-01-02T23:59:55Z', nowMs), '5s');
    assert.equal(ageOf('2025-01-02T20:00:00Z', nowMs), '4h');
    assert.equal(ageOf('2025-01-01T00:00:00Z', nowMs), '2d');
    assert.equal(ageOf('nonsense', nowMs), '');
  });
});
