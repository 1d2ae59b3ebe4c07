// Whether a view is what its stream says (P5), and putting it right where it is not. The view is built anew from sequence 1 in a shadow
// bucket; then every key of the live bucket is held against it, byte for byte, while the projector goes on: what changed since the shadow was
// built is told by its sequence and looked at again. Only differences are written, each group in one atomic batch with the checkpoint, which is
// the projector's fence. Called by `opstream verify` and `opstream rebuild`, and by the tests of P5.

import { decodeJson } from '../../core/decode.ts';
import { Fault, isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import { viewKeys } from '../../messages/subjects.ts';
import { sequenceIn } from '../loops/position.ts';
import { rebuildView, type SetAside } from './rebuild.ts';
import { checkpointOf, commitFenced } from './view-writer.ts';
import { viewAhead } from '../history/view-trust.ts';
import type { Projection } from '../../views/projection.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyValueStore, KeyValueWrite } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { StreamFollower, StreamReader } from '../ports/streams.ts';

const LOOK_AGAIN_MS = 200;
/** The live view does not move for so long: no projector works on it. */
const STILL_MS = 10_000;
const MAX_ROUNDS = 10;

export type Contents = ReadonlyMap<string, { readonly data: Uint8Array; readonly revision: number }>;

export type CompareOptions = {
  readonly projection: Projection;
  /** Those that share its bucket. What belongs to none of them is compared with the first one's. */
  readonly siblings: readonly Projection[];
  /** Of the projection's stream. */
  readonly follower: StreamFollower;
  readonly reader: StreamReader;
  /** See RebuildOptions. */
  readonly keepsAll?: boolean;
  readonly live: KeyValueStore;
  /** Empty at the start. */
  readonly shadow: KeyValueStore;
  /** Everything a bucket holds now. */
  contentsOf(bucket: 'live' | 'shadow'): Promise<Contents>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Default: the projector's. For tests. */
  readonly stillMs?: number;
  readonly onProgress?: (sequence: number, ofSequence: number) => void;
};

export type Difference = { readonly key: string; readonly kind: 'missing' | 'unexpected' | 'different' };

export type Comparison = {
  /** The last message of the stream that the shadow holds. */
  readonly sequence: number;
  /** Keys that were compared, of both. */
  readonly keys: number;
  readonly differences: readonly Difference[];
  /** Keys that were never seen as they were where the view stood: they changed each time. */
  readonly unsettled: number;
  /** Why the live checkpoint cannot be what it says. */
  readonly damage?: string;
  readonly setAside: SetAside;
};

type Look = {
  readonly expected: Contents;
  readonly actual: Contents;
  readonly differences: readonly Difference[];
  /** Changed since the shadow was built. */
  readonly later: ReadonlySet<string>;
};

type Found = Comparison & { readonly look: Look };

const isSame = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

const sequenceOf = (data: Uint8Array): number => {
  const value = decodeJson(data);
  return isJsonObject(value) && typeof value['sequence'] === 'number' ? value['sequence'] : 0;
};

const ownsKey = ({ keyFilter, stream }: Projection, key: string): boolean =>
  key.startsWith(keyFilter.replace('>', '')) || key === viewKeys.checkpoint(stream);

/** `upTo`: what is later than that in the live view is no difference, unless it is later than the stream's `end`, where nobody can have it from. */
const compare = (
  expected: Contents,
  actual: Contents,
  upTo: number,
  end: number,
): Omit<Look, 'expected' | 'actual'> => {
  const differences: Difference[] = [];
  const later = new Set<string>();
  for (const [key, { data }] of actual) {
    const wanted = expected.get(key);
    if (wanted !== undefined && isSame(wanted.data, data)) continue;
    const sequence = sequenceOf(data);
    if (sequence > upTo && sequence <= end) later.add(key);
    else differences.push({ key, kind: wanted === undefined ? 'unexpected' : 'different' });
  }
  for (const key of expected.keys()) if (!actual.has(key)) differences.push({ key, kind: 'missing' });
  differences.sort((left, right) => (left.key < right.key ? -1 : 1));
  return { differences, later };
};

export const createViewComparison = (options: CompareOptions) => {
  const { projection, live, shadow, reader, clock, signal, stillMs = STILL_MS } = options;
  const { stream, bucket } = projection;
  const checkpointKey = viewKeys.checkpoint(stream);
  const setAside = { total: 0, first: [] as { sequence: number; subject: string; reason: string }[] };
  const [firstSibling] = options.siblings;

  const isOwn = (key: string): boolean =>
    ownsKey(projection, key) ||
    (projection.name === firstSibling?.name && !options.siblings.some((sibling) => ownsKey(sibling, key)));
  const own = (contents: Contents): Contents =>
    new Map([...contents].filter(([key]) => isOwn(key) && key !== checkpointKey));

  const lastWanted = async (): Promise<number> => {
    const last = await Promise.all(projection.filters.map((filter) => reader.readLast(filter)));
    return Math.max(0, ...last.map((message) => message?.sequence ?? 0));
  };

  /** The shadow, with everything up to there and nothing beyond. */
  const build = async (upToSequence: number): Promise<void> => {
    const at = sequenceIn(await shadow.get(checkpointKey)) ?? 0;
    if (at >= upToSequence) return;
    await rebuildView({
      ...options,
      store: shadow,
      history: reader,
      upToSequence,
      onSetAside: ({ sequence, subject }, reason) => {
        setAside.total += 1;
        if (setAside.first.length < 100) setAside.first.push({ sequence, subject, reason });
      },
      onProgress: (sequence) => options.onProgress?.(sequence, upToSequence),
    });
  };

  /** Why the checkpoint cannot be believed; undefined: it can. */
  const damageOf = async (): Promise<string | undefined> => {
    const entry = await live.get(checkpointKey);
    if (entry === undefined) return undefined;
    const position = sequenceIn(entry);
    if (position === undefined) return `${checkpointKey} in ${bucket} cannot be read`;
    const end = await reader.lastSequence();
    return position > end ? viewAhead(bucket, stream, position, end).message : undefined;
  };

  /** Faults: VIEW_DAMAGED when the live view does not get there. */
  const untilLiveIsAt = async (sequence: number): Promise<void> => {
    let before = -1;
    let movedMs = clock.nowMs();
    while (!signal.aborted) {
      const position = sequenceIn(await live.get(checkpointKey)) ?? 0;
      if (position >= sequence) return;
      if (position !== before) movedMs = clock.nowMs();
      before = position;
      if (clock.nowMs() - movedMs >= stillMs) {
        const what = `the view ${projection.name} in ${bucket} stays at ${stream} #${position}, and should be at #${sequence}; is a projector running?`;
        throw new Fault('VIEW_DAMAGED', what);
      }
      await clock.sleep(LOOK_AGAIN_MS, signal);
    }
  };

  /** Where the live view stands is read before it: what is in it is at least that far. */
  const look = async (upTo: number, isLiveBelieved: boolean): Promise<Look> => {
    const actual = own(await options.contentsOf('live'));
    const end = await reader.lastSequence();
    await build(upTo);
    const expected = own(await options.contentsOf('shadow'));
    return { expected, actual, ...compare(expected, actual, isLiveBelieved ? upTo : Number.POSITIVE_INFINITY, end) };
  };

  const resultOf = (seen: Look, sequence: number, differences: readonly Difference[], unsettled: number) => {
    const keys = new Set([...seen.expected.keys(), ...seen.actual.keys()]).size;
    return { sequence, keys, differences, unsettled, setAside, look: seen };
  };

  /** A checkpoint that is wrong says nothing of the documents: each has to be what the stream says now. */
  const compareDamaged = async (damage: string, end: number): Promise<Found> => {
    const seen = await look(end, false);
    return { ...resultOf(seen, end, seen.differences, 0), damage };
  };

  const compareMoving = async (): Promise<Found> => {
    let before: Look | undefined;
    let open: ReadonlySet<string> | undefined;
    for (let round = 1; ; round += 1) {
      const sequence = sequenceIn(await live.get(checkpointKey)) ?? 0;
      const seen = await look(sequence, true);
      // A difference may be a deletion that came meanwhile: it counts when it is the same at a second look.
      const known = new Set(before?.differences.map(({ key, kind }) => `${kind} ${key}`));
      const differences = seen.differences.filter(({ key, kind }) => known.has(`${kind} ${key}`));
      // A key that was equal once has been compared, however often it changes.
      const unsettled = new Set([...(open ?? seen.later)].filter((key) => seen.later.has(key)));
      const isSettled = unsettled.size === 0 && differences.length === seen.differences.length;
      if (isSettled || round >= MAX_ROUNDS || signal.aborted)
        return resultOf(seen, sequence, differences, unsettled.size);
      open = unsettled;
      before = seen;
      // Documents may be ahead of the checkpoint, for less than this time.
      await clock.sleep(LOOK_AGAIN_MS, signal);
    }
  };

  const compareOnce = async (): Promise<Found> => {
    const end = await lastWanted();
    const damage = await damageOf();
    if (damage !== undefined) return compareDamaged(damage, end);
    await untilLiveIsAt(end);
    return compareMoving();
  };

  const write = async ({ differences, damage, sequence, look: seen }: Found) => {
    const now = await live.get(checkpointKey);
    const writes = differences.map(({ key }): KeyValueWrite => ({
      key,
      data: seen.expected.get(key)?.data,
      expectedRevision: seen.actual.get(key)?.revision ?? 0,
    }));
    const next = damage === undefined ? (now?.data ?? checkpointOf(stream, 0)) : checkpointOf(stream, sequence);
    await commitFenced(live, writes, { key: checkpointKey, now, next });
  };

  return {
    compare: async (): Promise<Comparison> => compareOnce(),

    /** Compares, and writes the differences. What was found, and was written when it resolves. Faults: JS_CONFLICT after many tries. */
    putRight: async (): Promise<Comparison> => {
      for (let tries = 1; ; tries += 1) {
        const found = await compareOnce();
        if (found.differences.length === 0 && found.damage === undefined) return found;
        try {
          await write(found);
          return found;
        } catch (error) {
          // The projector was faster: it has written some of it, or the checkpoint.
          if (!isFault(error, 'JS_CONFLICT') || tries >= MAX_ROUNDS || signal.aborted) throw error;
          await clock.sleep(LOOK_AGAIN_MS, signal);
        }
      }
    },
  };
};
