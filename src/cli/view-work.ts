// The work of `opstream verify` and `opstream rebuild`: each view is built anew in a shadow bucket in the memory of the server and compared with
// the live one; what differs is written when that was asked for.

import { createViewComparison, type Comparison } from '../engine/projection/compare-view.ts';
import { connectNats, type JetStreamConnection } from '../jetstream/connection.ts';
import { createFollower } from '../jetstream/follower.ts';
import { createKeyValueStore } from '../jetstream/key-value-store.ts';
import { createLimitedStreamReader } from '../jetstream/limited-stream.ts';
import { createScratchBucket, readBucket } from '../jetstream/scratch-bucket.ts';
import { findGaps, gapsText } from '../jetstream/stream-gaps.ts';
import { createWholeStreamReader } from '../jetstream/whole-stream.ts';
import { connectionOptions } from '../program/connection-options.ts';
import { entities, operators, secrets } from '../views/desired-state.ts';
import { entityStatuses, operatorStatuses } from '../views/observed-state.ts';
import { isFault } from '../core/fault.ts';
import type { Projection } from '../views/projection.ts';
import { silentLog } from '../program/logger.ts';
import type { CliContext } from './context.ts';

const MAX_SHOWN = 20;
const PROGRESS_MS = 2000;

const projectionOfs = [operators, operatorStatuses, entities, entityStatuses, secrets];

/** Of a view by its name: `entities`, `operator-statuses`. */
export const viewNames = (context: Pick<CliContext, 'names'>): readonly string[] =>
  projectionOfs.map((projectionOf) => projectionOf(context.names).name);

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const resultOf = ({ name }: Projection, found: Comparison, isWritten: boolean): string => {
  const compared = `all ${counted(found.keys, 'document')} and the checkpoint compared`;
  const count = found.differences.length;
  if (count === 0) return found.damage === undefined ? `${compared}, equal` : `${compared}, the documents are equal`;
  return isWritten
    ? `${compared}, ${count} differed and are put right`
    : `${compared}, ${count} differ; put them right with \`opstream rebuild ${name}\``;
};

const showSome = (context: CliContext, lines: readonly string[], total: number): void => {
  for (const line of lines.slice(0, MAX_SHOWN)) context.terminal.note(`  ${line}`);
  if (total > MAX_SHOWN) context.terminal.note(`  and ${total - MAX_SHOWN} more`);
};

/** Whether the view is equal to its stream now. */
const tell = (context: CliContext, projection: Projection, found: Comparison, isWritten: boolean): boolean => {
  const { terminal } = context;
  const { differences, damage, sequence, unsettled, setAside } = found;
  const where = `${projection.name} in ${projection.bucket} at ${projection.stream} #${sequence}`;
  const isRight = isWritten || (differences.length === 0 && damage === undefined);
  if (damage !== undefined) terminal.error(`${where}: ${damage}`);
  const result = `${where}: ${resultOf(projection, found, isWritten)}`;
  if (isRight) terminal.out(result);
  else terminal.error(result);
  const lines = differences.map(({ key, kind }) => `${kind} ${key}`);
  showSome(context, lines, differences.length);
  const moving = `${where}: ${counted(unsettled, 'document')} changed at each look and could not be compared; \`opstream verify\` tells when less is going on`;
  if (unsettled > 0) terminal.warn(moving);
  if (setAside.total > 0) terminal.warn(`${where}: ${counted(setAside.total, 'message')} set aside, none of ours`);
  const foreign = setAside.first.map((one) => `#${one.sequence} ${one.subject}: ${one.reason}`);
  showSome(context, foreign, setAside.total);
  // A rebuild has done what it can: it is a proof that is missing, and verify is for that.
  return isRight && (isWritten || unsettled === 0);
};

const workOn = async (
  context: CliContext,
  connection: JetStreamConnection,
  projection: Projection,
  siblings: readonly Projection[],
  isRepair: boolean,
): Promise<boolean> => {
  const { config, names, clock, ids, signal, terminal } = context;
  const keepsAll = projection.stream === names.streams.events;
  const bucket = `${config.prefix}-shadow-${ids.next().slice(0, 18)}`;
  const shadow = await createScratchBucket(connection, bucket);
  let toldMs = clock.nowMs();
  try {
    const comparison = createViewComparison({
      ...{ projection, siblings, clock, signal },
      // What it would say is in its answer, which is printed.
      log: silentLog,
      follower: createFollower(connection, projection.stream),
      keepsAll,
      reader: (keepsAll ? createWholeStreamReader : createLimitedStreamReader)(connection, projection.stream),
      live: createKeyValueStore(connection, projection.bucket),
      shadow: createKeyValueStore(connection, bucket),
      contentsOf: (which) => readBucket(connection, which === 'live' ? projection.bucket : bucket),
      onProgress: (sequence, ofSequence) => {
        if (clock.nowMs() - toldMs < PROGRESS_MS) return;
        toldMs = clock.nowMs();
        terminal.info(`${projection.name}: ${projection.stream} #${sequence} of #${ofSequence}`);
      },
    });
    const gaps = keepsAll ? undefined : await findGaps(connection, projection.stream);
    if (gaps !== undefined) terminal.warn(`${projection.stream}: ${gapsText(gaps)}`);
    const found = await (isRepair ? comparison.putRight() : comparison.compare());
    return tell(context, projection, found, isRepair);
  } catch (error) {
    if (!isFault(error, 'VIEW_DAMAGED') && !isFault(error, 'STREAM_DAMAGED')) throw error;
    terminal.error(`${projection.name}: ${error.message}`);
    return false;
  } finally {
    await shadow.remove();
  }
};

/** Whether all of them are equal to their streams now. `wanted`: names of views. */
export const workOnViews = async (
  context: CliContext,
  wanted: readonly string[],
  options: { readonly isRepair: boolean },
): Promise<boolean> => {
  const { config, names, log, signal } = context;
  const connection = await connectNats({
    ...connectionOptions(config),
    name: `${config.prefix}-views`,
    log,
    waitForServer: false,
    signal,
  });
  const all = projectionOfs.map((projectionOf) => projectionOf(names));
  let isEqual = true;
  try {
    for (const projection of all.filter(({ name }) => wanted.includes(name))) {
      const siblings = all.filter(({ bucket }) => bucket === projection.bucket);
      const isGood = await workOn(context, connection, projection, siblings, options.isRepair);
      isEqual &&= isGood;
    }
  } finally {
    await connection.close();
  }
  return isEqual;
};
