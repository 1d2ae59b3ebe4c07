// When a channel is quiet: every command on it was acknowledged by the component. Checks that then look for what follows begin here.

import { isJsonObject, type JsonObject } from '../core/json.ts';
import { isFault } from '../core/fault.ts';
import { askJetStream, until, type Bench } from './bench.ts';

const QUIET_MS = 700;

/** Whether a consumer takes the commands of the type. */
const takesCommands = (bench: Bench, consumer: JsonObject): boolean => {
  const config = isJsonObject(consumer['config']) ? consumer['config'] : {};
  const { filter_subject: one, filter_subjects: many, ack_policy: policy } = config;
  // Who acknowledges nothing only looks on, as the witness does.
  if (policy === 'none') return false;
  const filters = Array.isArray(many) ? many : typeof one === 'string' ? [one] : [];
  return filters.length === 0 || filters.includes(bench.api.command.subject);
};

/** Commands that no consumer of the component has acknowledged; undefined: it has no consumer. */
const unacknowledged = async (bench: Bench): Promise<number | undefined> => {
  const { consumers } = await askJetStream(bench, `CONSUMER.LIST.${bench.api.command.stream}`);
  const all: readonly unknown[] = Array.isArray(consumers) ? consumers : [];
  const counts = all
    .filter((one): one is JsonObject => isJsonObject(one as JsonObject) && takesCommands(bench, one as JsonObject))
    .map((one) => Number(one['num_pending']) + Number(one['num_ack_pending']));
  return counts.length === 0 ? undefined : Math.max(...counts);
};

/** Waits until every command was acknowledged, and a little longer for what may follow. */
export const untilQuiet = async (bench: Bench, advice: string): Promise<void> => {
  let left: number | undefined;
  await until(
    bench,
    async () => {
      try {
        left = await unacknowledged(bench);
      } catch (error) {
        if (!isFault(error)) throw error;
      }
      return left === 0 ? true : undefined;
    },
    {
      expected: 'all commands on the channel acknowledged',
      found: () =>
        left === undefined ? `no durable consumer of ${bench.api.command.subject}` : `${left} not acknowledged`,
      advice,
    },
  );
  await bench.clock.sleep(QUIET_MS);
};
