// One stored or live event as one line, for history, replay and events; and the fold that shows the state after each. Pure.

import { encodeJson } from '../core/decode.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { initialOperatorState } from '../domain/operator/state.ts';
import { initialResourceState } from '../domain/resource/state.ts';
import { initialSecretState } from '../domain/secret/state.ts';
import { takeIn, type States } from '../domain/take-in.ts';
import type { LeftStorage } from '../messages/left-behind.ts';
import { masked } from '../manifest/sealed.ts';
import { NO_WORKSPACE, printable } from '../core/names.ts';
import { decodeEvent } from '../messages/stored-event.ts';
import type { OwnEvent } from '../messages/own-events.ts';
import { kinds, type Kind } from '../messages/subjects.ts';
import type { HistoryEntry } from '../messages/queries.ts';
import { storageText } from './left-behind-text.ts';

const textIn = (event: JsonObject, field: string): string => {
  const value = event[field];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
};

const dataOf = (event: JsonObject): JsonObject => (isJsonObject(event['data']) ? event['data'] : {});

/** `io.opstream.resource.run-requested.v1` -> `run-requested` */
export const shortType = (type: string): string =>
  type.replace(/^io\.opstream\.(?:operator|resource|secret|entity)\./, '').replace(/\.v\d+$/, '');

const patchText = (patch: JsonValue | undefined): string => {
  if (!Array.isArray(patch)) return '';
  const operations = (patch as readonly JsonValue[]).flatMap((one) =>
    isJsonObject(one) ? [`${textIn(one, 'op')} ${textIn(one, 'path')}`] : [],
  );
  return operations.slice(0, 5).join(', ') + (operations.length > 5 ? `, and ${operations.length - 5} more` : '');
};

const runText = (run: JsonValue | undefined): string => (isJsonObject(run) ? `run ${textIn(run, 'number')}` : '');

/** Of the end of a run: the number is in the event that wanted it. */
const endText = (data: JsonObject): string => {
  if (textIn(data, 'runId') === '' || textIn(data, 'state') === '') return '';
  const externalId = textIn(data, 'externalId');
  return `${textIn(data, 'state')}${externalId === '' ? '' : ` (${printable(externalId)})`}`;
};

/** `keeps stream x (12 messages), bucket y (unreadable)` */
const keptText = (storage: JsonValue | undefined): string => {
  const kept = Array.isArray(storage) ? (storage as readonly JsonValue[]).filter(isJsonObject) : [];
  return kept.length === 0 ? '' : `keeps ${kept.map((one) => storageText(one as unknown as LeftStorage)).join(', ')}`;
};

const leftText = (leftBehind: JsonValue | undefined): string => {
  if (!isJsonObject(leftBehind) || leftBehind['total'] === 0) return '';
  const items = Array.isArray(leftBehind['items']) ? (leftBehind['items'] as readonly JsonValue[]) : [];
  const ids = items.flatMap((item) => (isJsonObject(item) ? [printable(textIn(item, 'externalId'))] : []));
  const [only = ''] = ids;
  return `leaves ${textIn(leftBehind, 'total')} outside${ids.length === 1 && only !== '' ? ` (${only})` : ''}`;
};

const eventFacts = (data: JsonObject): readonly string[] => [
  patchText(data['patch']),
  runText(data['run']),
  data['skippedRun'] === undefined ? '' : `${runText(data['skippedRun'])} skipped`,
  endText(data),
  data['force'] === true || data['forced'] === true ? 'forced' : '',
  leftText(data['leftBehind']),
  keptText(isJsonObject(data['leftBehind']) ? data['leftBehind']['storage'] : undefined),
];

const statusFacts = (data: JsonObject): readonly string[] => {
  const externalId = textIn(data, 'externalId');
  const conditions = Array.isArray(data['conditions']) ? (data['conditions'] as readonly JsonValue[]) : [];
  const held = conditions.flatMap((one) =>
    isJsonObject(one) && one['status'] === 'True' ? [textIn(one, 'type')] : [],
  );
  return [
    [textIn(data, 'status'), textIn(data, 'runtime')].filter((part) => part !== '').join(' '),
    held.length === 0 ? '' : `[${held.join(' ')}]`,
    externalId === '' ? '' : `id ${printable(externalId)}`,
    textIn(data, 'message') === '' ? '' : JSON.stringify(printable(textIn(data, 'message'))),
  ];
};

/** What happened, without when and where: `changed replace /resource/spec/x`. */
export const factsOf = (stream: HistoryEntry['stream'], event: JsonObject): string => {
  const data = dataOf(event);
  const facts = stream === 'events' ? eventFacts(data) : statusFacts(data);
  return [shortType(textIn(event, 'type')), ...facts].filter((part) => part !== '').join('  ');
};

/** What happened, or why the message counts for nothing. */
export const changeOf = ({ stream, event, setAside }: HistoryEntry): string =>
  setAside === undefined ? factsOf(stream, event) : `set aside: ${printable(setAside)}`;

/** What is missing before the entry; empty: nothing that is known. */
export const lackOf = ({ missingBefore }: HistoryEntry): string =>
  missingBefore === undefined ? '' : `status #${missingBefore}, stored before it, is missing`;

const aboutOf = (event: JsonObject): string => {
  const [kind = '', workspace = '', ...name] = textIn(event, 'subject').split('.');
  return workspace === NO_WORKSPACE ? `${kind} ${name.join('.')}` : `${kind} ${workspace}/${name.join('.')}`;
};

/** `2025-01-01T00:00:00.000Z events#12 gen 1 resource public/x  declared  by iamgroot` */
export const eventLine = (entry: HistoryEntry, options: { readonly withSubject?: boolean } = {}): string => {
  const { stream, sequence, event } = entry;
  const actor = stream === 'events' ? textIn(event, 'actor') : '';
  const generation = stream === 'events' ? textIn(event, 'generation') : textIn(dataOf(event), 'observedGeneration');
  return [
    textIn(event, 'time'),
    `${stream === 'events' ? 'event ' : 'status'} #${sequence}`,
    `gen ${generation}`,
    ...(options.withSubject === true ? [aboutOf(event)] : []),
    changeOf(entry),
    ...(actor === '' ? [] : [`by ${printable(actor)}`]),
    ...[entry.error?.message ?? '', lackOf(entry)].filter((part) => part !== ''),
  ].join('  ');
};

/** Folds the events of one thing as they come; statuses, and what was set aside, leave the desired state as it is. */
export const createReplay = () => {
  const states: States = { resource: initialResourceState, operator: initialOperatorState, secret: initialSecretState };

  const fold = <TKind extends Kind>(kind: TKind, own: OwnEvent, sequence: number): string | undefined => {
    const taken = takeIn(kind, own, states[kind], sequence);
    if ('problem' in taken) return taken.problem;
    Object.assign(states, { [kind]: taken.state });
    return undefined;
  };

  return {
    /** The state after the entry: the entity, operator or secret, undefined when there is none (any more). Sealed values are masked. */
    absorb: ({ stream, sequence, event, error, setAside }: HistoryEntry): unknown => {
      if (setAside !== undefined) return { problem: setAside };
      if (error !== undefined) return { problem: error.message };
      if (stream === 'status') return dataOf(event);
      const decoded = decodeEvent(encodeJson(event));
      if ('problem' in decoded) return decoded;
      const [kind = '', workspace = '', name = ''] = decoded.event.subject.split('.');
      const known = kinds.find((one) => one === kind);
      if (known === undefined) return { problem: `not an event of ${kinds.join(', ')}` };
      const problem = fold(known, { event: decoded.event, ref: { kind: known, workspace, name } }, sequence);
      if (problem !== undefined) return { problem };
      if (known === 'resource') return states.resource.entity;
      return masked(known === 'operator' ? states.operator.operator : states.secret.secret);
    },
  };
};
