// The variables of a component that the operator page defines, and what their values may be. The SDK reads them (sdk/config.ts; a test holds
// the two together); a component that is not made with the SDK may read others, so an unknown name is only a word when it is nearly one of these.

import { parseDurationMs, DURATION_RULE } from '../../core/duration.ts';

type Check = (text: string) => string | undefined;

const duration =
  (minMs: number): Check =>
  (text) => {
    const durationMs = parseDurationMs(text);
    if (durationMs === undefined) return DURATION_RULE;
    return durationMs < minMs ? `at least ${minMs}ms` : undefined;
  };

const whole =
  (min: number, max: number): Check =>
  (text) => {
    const isWhole = /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max;
    return isWhole ? undefined : `a whole number from ${min} to ${max}`;
  };

const oneOf =
  (...choices: readonly string[]): Check =>
  (text) =>
    choices.includes(text.toLowerCase()) ? undefined : choices.join(' or ');

const anything: Check = () => undefined;

export const knownVariables: Readonly<Record<string, Check>> = {
  LOG_LEVEL: anything,
  METRIC_PORT: whole(0, 65_535),
  ELECTION_CLUSTER_NAME: anything,
  ELECTION_CLUSTER_SIZE: whole(1, 100),
  OPERATOR_MAX_WORKERS: whole(1, 10_000),
  OPERATOR_RECONCILE_WORKERS_INTERVAL: duration(100),
  OPERATOR_MAINTENANCE_INTERVAL: duration(100),
  OPERATOR_PURGE_STATE_STORE_BEFORE: duration(0),
  OPERATOR_STATE_STORE_TYPE: oneOf('jetstream_kv', 'memory'),
  MESSAGE_DURABILITY: oneOf('true', 'false', '1', '0', 'yes', 'no'),
  ENTITY_OF_INTEREST_MESSAGE_QUEUE: anything,
  ENTITY_OF_INTEREST_MESSAGE_STREAM: anything,
  ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: anything,
  ENTITY_OF_INTEREST_MESSAGE_QUERY_SUBJECT: anything,
  ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT: anything,
};
