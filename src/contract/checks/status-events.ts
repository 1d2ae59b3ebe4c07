// The check of every status that the component has stored in all the others: its envelope, its place, its ids, and what follows what.

import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { COMMAND_TYPE, STATUS_TYPE, type StatusEvent } from '../../messages/entity.ts';
import { schemaUri } from '../../messages/envelope.ts';
import type { Bench } from '../bench.ts';
import { type Check } from '../types.ts';
import { Breach } from '../breach.ts';
import type { SeenStatus } from '../witness.ts';

const PAGE = 'see "The channel: components in any language" in the README, which has a whole status as an example';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const CONDITION_STATUSES: readonly unknown[] = ['True', 'False', 'Unknown'];

type Problem = { readonly expected: string; readonly found: unknown };

const conditionProblem = (condition: unknown): Problem | undefined => {
  const one: JsonObject = isJsonObject(condition as JsonObject) ? (condition as JsonObject) : {};
  const isFine =
    typeof one['type'] === 'string' &&
    CONDITION_STATUSES.includes(one['status']) &&
    typeof one['reason'] === 'string' &&
    one['reason'] !== '' &&
    typeof one['message'] === 'string' &&
    TIME.test(String(one['lastTransitionTime'])) &&
    Number.isSafeInteger(one['observedGeneration']);
  return isFine
    ? undefined
    : {
        expected: 'conditions with type, status, reason, message, lastTransitionTime, observedGeneration',
        found: condition,
      };
};

const envelopeProblem = (bench: Bench, seen: SeenStatus, event: StatusEvent): Problem | undefined => {
  const { names, operator } = bench;
  const { data } = event;
  const [workspace = '', name = ''] = data.key.split('.');
  const expected: readonly (readonly [string, unknown, unknown])[] = [
    ['the subject', names.status({ operator, workspace, name }), seen.subject],
    ['the header Nats-Msg-Id', event.id, seen.messageId],
    ['specversion', '1.0', event.specversion],
    ['type', STATUS_TYPE, event.type],
    ['source', `/${names.prefix}/component/${operator}`, event.source],
    ['subject of the event', `resource.${data.key}`, event.subject],
    ['datacontenttype', 'application/json', event.datacontenttype],
    ['dataschema', schemaUri(STATUS_TYPE), event.dataschema],
    ['data.operator', operator, data.operator],
    ['generation', data.observedGeneration, event.generation],
  ];
  const wrong = expected.find(([, wanted, found]) => wanted !== found);
  if (wrong !== undefined) return { expected: `${wrong[0]} ${JSON.stringify(wrong[1])}`, found: wrong[2] ?? 'none' };
  if (!TIME.test(event.time)) return { expected: 'time in RFC 3339, UTC', found: event.time };
  if (!Number.isSafeInteger(data.fence) || data.fence < 0)
    return { expected: 'data.fence, a whole number', found: data.fence };
  if (data.run !== undefined && data.runtime === undefined) return { expected: 'runtime beside run', found: 'none' };
  return data.conditions.map(conditionProblem).find((problem) => problem !== undefined);
};

/** The ids that tie a status to what it answers. */
const provenanceProblem = (bench: Bench, event: StatusEvent): Problem | undefined => {
  const cause = bench.witness.commands.find(({ id, type }) => type === COMMAND_TYPE && id === event.causationid);
  if (cause === undefined)
    return { expected: 'causationid: the id of the command that is answered', found: event.causationid };
  for (const name of ['correlationid', 'commandid', 'actor', 'traceparent'] as const) {
    if (cause[name] !== event[name])
      return { expected: `${name} ${cause[name] ?? 'absent'}, copied from the command`, found: event[name] ?? 'none' };
  }
  return undefined;
};

const orderProblem = (before: StatusEvent['data'] | undefined, { data }: StatusEvent): Problem | undefined => {
  if (before?.uid !== data.uid) return undefined;
  if (data.observedSequence < before.observedSequence)
    return { expected: `observedSequence of at least ${before.observedSequence}`, found: data.observedSequence };
  if (before.status === 'deleted' && data.status !== 'deleted')
    return { expected: 'nothing after "deleted" of the same uid', found: data.status };
  return undefined;
};

export const statusEvents: Check = {
  name: 'status-events',
  about: 'stores statuses of the right form, in the right place, with the ids of what they answer',
  run: async (bench) => {
    const lastOf = new Map<string, StatusEvent['data']>();
    let count = 0;
    for (const seen of bench.witness.statuses) {
      if (seen.isOwn) continue;
      count += 1;
      const where = `message ${seen.sequence} of ${bench.names.streams.status}`;
      if (seen.event === undefined) {
        throw new Breach({
          expected: `a status event in ${where}`,
          found: seen.problem ?? 'something else',
          advice: PAGE,
        });
      }
      const { event } = seen;
      const problem =
        envelopeProblem(bench, seen, event) ??
        orderProblem(lastOf.get(event.data.key), event) ??
        provenanceProblem(bench, event);
      if (problem !== undefined) {
        const found = typeof problem.found === 'string' ? problem.found : JSON.stringify(problem.found);
        throw new Breach({ expected: `${problem.expected} (${where})`, found, advice: PAGE });
      }
      lastOf.set(event.data.key, event.data);
    }
    if (count === 0) throw new Breach({ expected: 'statuses', found: 'none', advice: PAGE });
    return `${count} statuses were looked at`;
  },
};
