// The census misses no resource: not those of a later page, not those that change or come while it reads.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeJson, encodeJson } from '../../../../src/core/decode.ts';
import { isFault } from '../../../../src/core/fault.ts';
import type { JsonObject } from '../../../../src/core/json.ts';
import { createCensus } from '../../../../src/engine/evolution/census.ts';
import { namesFor } from '../../../../src/messages/subjects.ts';
import { entityAt } from '../../../support/entities.ts';
import { resourceManifest } from '../../../support/fixtures.ts';

type Row = { readonly generation: number; readonly spec: JsonObject };

const documentOf = (name: string, row: Row) => ({
  ...entityAt(1, { name, generation: row.generation }),
  manifest: resourceManifest(row.spec, { name }),
});

const world = (
  rows: Map<string, Row>,
  options: { pageSize?: number; isStale?: boolean; failure?: JsonObject; onRead?: (reads: number) => void } = {},
) => {
  let reads = 0;
  const census = createCensus({
    names: namesFor('opstream'),
    events: { lastSequence: async () => 7 } as never,
    requester: {
      request: async (_subject, body) => {
        if (options.failure !== undefined)
          return { data: encodeJson({ failure: options.failure }), header: () => undefined };
        const { cursor, minSequence } = decodeJson(body) as { cursor?: string; minSequence: number };
        assert.equal(minSequence, 7);
        const all = [...rows.entries()].sort(([left], [right]) => (left < right ? -1 : 1));
        const after = all.filter(([name]) => cursor === undefined || name > cursor);
        const page = after.slice(0, options.pageSize ?? 2);
        const items = page.map(([name, { generation }]) => ({
          name,
          workspace: 'public',
          generation,
          createdAt: '',
          updatedAt: '',
        }));
        const next = after.length > page.length ? { next: page.at(-1)?.[0] } : {};
        const data = encodeJson({
          items,
          total: rows.size,
          ...next,
          sequence: 7,
          ...(options.isStale === true ? { stale: true } : {}),
        });
        return { data, header: () => undefined };
      },
    },
    entities: {
      getMany: async (keys) => {
        reads += keys.length;
        const found = keys.map((key) => {
          const name = key.split('.').at(-1) ?? '';
          const row = rows.get(name);
          return row === undefined ? undefined : { key, revision: 1, data: encodeJson(documentOf(name, row)) };
        });
        options.onRead?.(reads);
        return found;
      },
    },
  });
  const bad = async () =>
    (await census.judgeAll('op', (entity) => (entity.manifest.resource.spec['bad'] === true ? true : undefined))).map(
      ({ entity }) => entity.manifest.name,
    );
  return { bad, reads: () => reads };
};
const rowsOf = (...names: readonly string[]) =>
  new Map<string, Row>(names.map((name) => [name, { generation: 1, spec: { bad: name.startsWith('bad') } }]));

describe('the census', () => {
  it('reads every page, each resource once', async () => {
    const { bad, reads } = world(rowsOf('a', 'b', 'bad-1', 'c', 'bad-2', 'd', 'z-bad'));
    assert.deepEqual(await bad(), ['bad-1', 'bad-2']);
    assert.equal(reads(), 7);
  });

  it('sees what came and what changed while it read', async () => {
    const rows = rowsOf('a', 'b', 'bad-1');
    let turn = 0;
    const { bad } = world(rows, {
      onRead: () => {
        turn += 1;
        if (turn !== 1) return;
        rows.set('bad-late', { generation: 1, spec: { bad: true } });
        rows.set('a', { generation: 2, spec: { bad: true } });
        rows.set('bad-1', { generation: 2, spec: {} });
      },
    });
    assert.deepEqual(await bad(), ['a', 'bad-late']);
  });

  it('forgets what was deleted while it read', async () => {
    const rows = rowsOf('bad-1', 'bad-2');
    const { bad } = world(rows, { onRead: () => rows.delete('bad-2') });
    assert.deepEqual(await bad(), ['bad-1']);
  });

  it('gives up rather than guess', async () => {
    const unavailable = (error: unknown) => isFault(error, 'JS_UNAVAILABLE');
    await assert.rejects(world(rowsOf('a'), { isStale: true }).bad(), unavailable);
    const rows = rowsOf('a');
    const restless = world(rows, { onRead: (reads) => rows.set('a', { generation: reads + 1, spec: {} }) });
    await assert.rejects(restless.bad(), unavailable);
  });

  it('tells views that are damaged, which does not pass by itself, from views that are behind', async () => {
    const damaged = world(new Map(), {
      failure: { code: 'VIEW_DAMAGED', message: 'ahead', isRetryable: true },
    });
    await assert.rejects(damaged.bad(), (error) => isFault(error, 'VIEW_DAMAGED'));
    const away = world(new Map(), { failure: { code: 'NATS_TIMEOUT', message: 'no', isRetryable: true } });
    await assert.rejects(away.bad(), (error) => isFault(error, 'JS_UNAVAILABLE'));
  });
});
