// Reading the documents of the views back. The projector writes them, but whoever may write to the bucket can put anything there, and `nats kv
// put` is one line. Every reader of a document comes through here, so that none meets a shape that it does not expect.

import { decodeJson } from '../core/decode.ts';
import { Fault } from '../core/fault.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { operatorManifestProblem, resourceManifestProblem, secretManifestProblem } from './stored-shape.ts';
import { isCount, isRunOrNone, statusProblem } from './stored-event.ts';
import { OPERATOR_STATUS_TYPE, STATUS_TYPE, type Entity } from './entity.ts';
import type { Kind } from './subjects.ts';
import type { EntityStatusDocument, OperatorDocument, OperatorStatusDocument, SecretDocument } from './queries.ts';

/** By the head of its key and the number of names behind it: `entity.<workspace>.<name>`, `status.<name>` of an operator, and so on. */
export type DocumentOf = {
  readonly entity: Entity;
  readonly operator: OperatorDocument;
  readonly secret: SecretDocument;
  readonly entityStatus: EntityStatusDocument;
  readonly operatorStatus: OperatorStatusDocument;
};
export type DocumentKind = keyof DocumentOf;

export type ReadDocument<TKind extends DocumentKind> =
  | { readonly kind: TKind; readonly document: DocumentOf[TKind] }
  /** A sentence that says what does not fit. */
  | { readonly problem: string };
export type AnyDocument = { readonly [TKind in DocumentKind]: ReadDocument<TKind> }[DocumentKind];

type Place = { readonly kind: DocumentKind; readonly workspace: string; readonly name: string };

const ONE_NAME: Readonly<Record<string, DocumentKind>> = { operator: 'operator', status: 'operatorStatus' };
const TWO_NAMES: Readonly<Record<string, DocumentKind>> = {
  entity: 'entity',
  secret: 'secret',
  status: 'entityStatus',
};

/** Undefined: no key of a document. */
export const placeOfKey = (key: string): Place | undefined => {
  const [head = '', ...names] = key.split('.');
  const [first = '', second = ''] = names;
  if (names.length < 1 || names.length > 2 || names.includes('')) return undefined;
  const kinds = names.length === 1 ? ONE_NAME : TWO_NAMES;
  const kind = Object.hasOwn(kinds, head) ? kinds[head] : undefined;
  if (kind === undefined) return undefined;
  return names.length === 1 ? { kind, workspace: '', name: first } : { kind, workspace: first, name: second };
};

/** Of the thing that a document under that key is about. */
export const typeOfKey = (key: string): Kind => {
  const kind = placeOfKey(key)?.kind;
  if (kind === 'secret') return kind;
  return kind === 'operator' || kind === 'operatorStatus' ? 'operator' : 'resource';
};

const isText = (value: unknown): boolean => typeof value === 'string';
const isTextOrNone = (value: unknown): boolean => value === undefined || isText(value);

const firstBad = (value: JsonObject, checks: Readonly<Record<string, (field: unknown) => boolean>>) =>
  Object.keys(checks).find((field) => checks[field]?.(value[field]) !== true);

const fieldProblem = (
  value: JsonObject,
  checks: Readonly<Record<string, (field: unknown) => boolean>>,
): string | undefined => {
  const bad = firstBad(value, checks);
  return bad === undefined ? undefined : `${bad} is missing or of another type`;
};

const isSequence = (value: unknown): boolean => isCount(value) && value !== 0;
const WANTED = {
  ...{ uid: isText, generation: isCount, sequence: isSequence, createdAt: isText, updatedAt: isText },
  ...{ createdBy: isText, updatedBy: isText, deletionRequestedAt: isTextOrNone },
};
const isFlag = (value: unknown): boolean => typeof value === 'boolean';

const isNamed = (manifest: JsonValue | undefined, { workspace, name }: Place): boolean =>
  isJsonObject(manifest) && manifest['name'] === name && (manifest['workspace'] ?? '') === workspace;

const wantedProblem = (
  value: JsonObject,
  place: Place,
  more: Readonly<Record<string, (field: unknown) => boolean>>,
  manifestProblem: (manifest: unknown) => string | undefined,
): string | undefined =>
  fieldProblem(value, { ...WANTED, ...more }) ??
  manifestProblem(value['manifest']) ??
  (isNamed(value['manifest'], place) ? undefined : 'it is about another thing');

const observedProblem = (value: JsonObject, type: string, isOwn: boolean): string | undefined =>
  fieldProblem(value, { updatedAt: isText, sequence: isSequence }) ??
  statusProblem(type, value)?.replace(/^data\./, '') ??
  (isOwn ? undefined : 'it is about another thing');

const problemOf = (value: JsonObject, place: Place): string | undefined => {
  const { kind, workspace, name } = place;
  const keyOf = `${workspace}.${name}`;
  switch (kind) {
    case 'entity': {
      const more = { runnable: isFlag, suspended: isFlag, run: isRunOrNone, externalName: isTextOrNone };
      return wantedProblem(value, place, { ...more, key: (key) => key === keyOf }, resourceManifestProblem);
    }
    case 'operator':
      return wantedProblem(value, place, { name: (own) => own === name }, operatorManifestProblem);
    case 'secret':
      return wantedProblem(value, place, { contentSequence: isCount }, secretManifestProblem);
    case 'entityStatus':
      return observedProblem(value, STATUS_TYPE, value['key'] === undefined || value['key'] === keyOf);
    case 'operatorStatus':
      return observedProblem(value, OPERATOR_STATUS_TYPE, value['operator'] === name);
  }
};

/** What lies under `key`; undefined: the key is none of a document. */
export const readDocument = (key: string, data: Uint8Array): AnyDocument | undefined => {
  const place = placeOfKey(key);
  if (place === undefined) return undefined;
  const value = decodeJson(data);
  if (!isJsonObject(value)) return { problem: 'not a JSON object' };
  const problem = problemOf(value, place);
  return problem === undefined ? ({ kind: place.kind, document: value } as unknown as AnyDocument) : { problem };
};

/** What to do about a view that is not what its stream says. */
export const REBUILD_HINT = 'put it right with `opstream rebuild --all`';

/** Of who has to know of all things of a type: `damaged` of its documents cannot be read. */
export const damagedView = (damaged: number): Fault =>
  new Fault('VIEW_DAMAGED', `${damaged} view documents cannot be read; ${REBUILD_HINT}`, { details: { damaged } });

/** The document of an entry; undefined: there is none. Faults: VIEW_DAMAGED, for one that cannot be read is not one that is absent. */
export const documentIn = <TKind extends DocumentKind>(
  kind: TKind,
  entry: { readonly key: string; readonly data: Uint8Array } | undefined,
): DocumentOf[TKind] | undefined => {
  if (entry === undefined) return undefined;
  const read = readDocument(entry.key, entry.data);
  if (read !== undefined && 'kind' in read && read.kind === kind) return read.document as DocumentOf[TKind];
  const problem = read !== undefined && 'problem' in read ? read.problem : `not a document of kind ${kind}`;
  throw new Fault('VIEW_DAMAGED', `the view document ${entry.key} cannot be read (${problem}); ${REBUILD_HINT}`, {
    details: { key: entry.key },
  });
};

/** Whether a message of a bucket says that its key was deleted, purged, or ran out of time. A client may give it a body all the same. */
export const isMarker = (message: { header(name: string): string | undefined }): boolean => {
  const operation = message.header('KV-Operation');
  return operation === 'DEL' || operation === 'PURGE' || message.header('Nats-Marker-Reason') !== undefined;
};
