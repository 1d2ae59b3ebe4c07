// A history whose statuses are not all there any more says so, and takes nothing for a loss that limits have removed.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StoredMessage, StreamReader } from '../../../../src/engine/ports/streams.ts';
import { createHistory } from '../../../../src/engine/queries/answer-history.ts';
import { createOwnEvents } from '../../../../src/messages/own-events.ts';
import type { HistoryQuery } from '../../../../src/messages/queries.ts';
import { namesFor, resourceRef } from '../../../../src/messages/subjects.ts';
import { stored } from '../../../support/memory-ports.ts';

const names = namesFor('opstream');
const EXPECTED = 'Nats-Expected-Last-Subject-Sequence';

/** A status behind the one at `behind`; undefined: its component did not say behind which. */
const status = (sequence: number, behind: number | undefined, operator = 'op'): StoredMessage => ({
  ...stored(sequence, names.status({ operator, workspace: 'public', name: 'a' }), {}),
  timeMs: sequence * 1000,
  header: (name) => (name === EXPECTED ? behind?.toString() : undefined),
});

const readerOf = (messages: readonly StoredMessage[], filter: (subject: string) => boolean): StreamReader => ({
  readSubject: async (subject, { fromSequence = 1, limit = Number.POSITIVE_INFINITY } = {}) =>
    messages
      .filter((one) => (subject.includes('*') ? filter(one.subject) : one.subject === subject))
      .filter(({ sequence }) => sequence >= fromSequence)
      .slice(0, limit),
  readLast: async () => undefined,
  lastSequence: async () => messages.at(-1)?.sequence ?? 0,
});

/** What is told missing on all pages, as `[sequence of the entry, sequence that is missing]`. */
const told = async (statuses: readonly StoredMessage[], limit: number): Promise<readonly (readonly number[])[]> => {
  const events = [{ ...stored(1, names.event(resourceRef('public', 'a')), {}), timeMs: 1 }];
  const history = createHistory({
    names,
    own: createOwnEvents(names),
    events: readerOf(events, () => false),
    statuses: readerOf(statuses, () => true),
  });
  const query: HistoryQuery = { type: 'resource', workspace: 'public', name: 'a', limit };
  const entries = [];
  for (let cursor: string | undefined; ;) {
    const page = await history.page({ ...query, ...(cursor === undefined ? {} : { cursor }) }, 1_000_000);
    entries.push(...(page?.entries ?? []));
    cursor = page?.next;
    if (cursor === undefined) break;
  }
  assert.equal(entries.length, statuses.length + events.length);
  return entries.flatMap(({ sequence, missingBefore }) =>
    missingBefore === undefined ? [] : [[sequence, missingBefore]],
  );
};

describe('the history of a resource', () => {
  for (const limit of [1, 2, 100]) {
    it(`tells which status is missing between two that are there, in pages of ${limit}`, async () => {
      const statuses = [status(2, 0), status(4, 2), status(9, 7), status(10, 9), status(12, 11)];
      const missing = [
        [9, 7],
        [12, 11],
      ];
      assert.deepEqual(await told(statuses, limit), missing);
    });

    it(`takes nothing for a loss that a limit has taken, or nobody speaks of, in pages of ${limit}`, async () => {
      assert.deepEqual(await told([status(20, 14), status(21, 20)], limit), []);
      assert.deepEqual(await told([status(2, undefined), status(9, undefined)], limit), []);
      assert.deepEqual(
        await told([status(2, 0), status(3, 0, 'other'), status(4, 2), status(5, 3, 'other')], limit),
        [],
      );
    });
  }
});
