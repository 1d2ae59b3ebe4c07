// The answers to `list`: a row for each operator and resource, kept in memory by the query-responder from the documents in KV, and
// filtered there. Whole documents stay in KV. 100,000 rows take some 100 MB; strings that repeat are kept once.
// Not pure in the strict sense (it holds rows), but deterministic: the same documents give the same answers.

import {
  DEFAULT_PAGE_SIZE,
  type ListQuery,
  type OperatorDocument,
  type SecretDocument,
  type Summary,
} from '../messages/queries.ts';
import { refersToSecret } from '../manifest/secret-references.ts';
import type { Kind } from '../messages/subjects.ts';
import type { Entity, EntityStatus, OperatorStatus } from '../messages/entity.ts';
import { parseSelector, selects, type Selector } from '../messages/selector.ts';
import {
  isAbout,
  readinessIn,
  summaryOfEntity,
  summaryOfOperator,
  summaryOfSecret,
  type Readiness,
} from './summary.ts';

type Row = {
  readonly type: Kind;
  entity?: EntityRow;
  operator?: Omit<OperatorDocument, 'sequence'>;
  secret?: SecretDocument;
  status?: StatusRow;
};
type EntityRow = Pick<
  Entity,
  | 'uid'
  | 'generation'
  | 'runnable'
  | 'externalName'
  | 'suspended'
  | 'run'
  | 'deletionRequestedAt'
  | 'createdAt'
  | 'updatedAt'
  | 'manifest'
  | 'sequence'
>;
type StatusRow = Pick<
  EntityStatus,
  'uid' | 'operator' | 'status' | 'runtime' | 'run' | 'observedGeneration' | 'observedSequence' | 'externalId'
> &
  Partial<Pick<OperatorStatus, 'conditions'>> & { readonly readiness: Readiness };

export type ListPage = { readonly items: readonly Summary[]; readonly total: number; readonly next?: string };

/** `resource.<workspace>.<name>`, `secret.<workspace>.<name>` or `operator._.<name>`: sorts by workspace, then name. */
const rowKeyOf = (
  bucketKey: string,
): { readonly rowKey: string; readonly part: 'wanted' | 'status' | 'other'; readonly type: Row['type'] } => {
  const [head, first = '', second] = bucketKey.split('.');
  if (head === 'entity' || (head === 'status' && second !== undefined)) {
    return {
      rowKey: `resource.${first}.${second ?? ''}`,
      part: head === 'entity' ? 'wanted' : 'status',
      type: 'resource',
    };
  }
  if (head === 'operator' || head === 'status') {
    return { rowKey: `operator._.${first}`, part: head === 'operator' ? 'wanted' : 'status', type: 'operator' };
  }
  if (head === 'secret') return { rowKey: `secret.${first}.${second ?? ''}`, part: 'wanted', type: 'secret' };
  return { rowKey: '', part: 'other', type: 'resource' };
};

export const createDirectory = () => {
  const rows = new Map<string, Row>();
  const strings = new Map<string, string>();
  /** Of resources that their component has yet to report on: few, and asked for every few seconds. */
  const unanswered = new Set<string>();
  let sortedKeys: readonly string[] | undefined;

  const shared = (text: string): string => {
    const known = strings.get(text);
    if (known !== undefined) return known;
    if (strings.size < 50_000) strings.set(text, text);
    return text;
  };

  /** What rows need of an entity: its spec is left out. */
  const entityRow = (entity: Entity): EntityRow => ({
    uid: entity.uid,
    generation: entity.generation,
    runnable: entity.runnable,
    suspended: entity.suspended,
    ...(entity.externalName === undefined ? {} : { externalName: entity.externalName }),
    ...(entity.run === undefined ? {} : { run: entity.run }),
    ...(entity.deletionRequestedAt === undefined ? {} : { deletionRequestedAt: entity.deletionRequestedAt }),
    createdAt: entity.createdAt,
    updatedAt: entity.updatedAt,
    sequence: entity.sequence,
    manifest: {
      ...entity.manifest,
      description: '',
      version: shared(entity.manifest.version),
      owner: shared(entity.manifest.owner),
      workspace: shared(entity.manifest.workspace),
      tags: entity.manifest.tags.map(shared),
      resource: {
        operator: shared(entity.manifest.resource.operator),
        type: shared(entity.manifest.resource.type),
        spec: NO_SPEC,
      },
    },
  });

  const sharedReadiness = ({ ready, reason }: Readiness): Readiness => ({ ready, reason: shared(cut(reason)) });

  const statusRow = (status: EntityStatus | OperatorStatus): StatusRow => ({
    uid: 'uid' in status ? status.uid : '',
    operator: shared(status.operator),
    status: status.status,
    ...('runtime' in status && status.runtime !== undefined ? { runtime: status.runtime } : {}),
    ...('run' in status && status.run !== undefined ? { run: { id: status.run.id, state: status.run.state } } : {}),
    ...externalIdOf(status),
    observedGeneration: status.observedGeneration,
    observedSequence: status.observedSequence,
    readiness: sharedReadiness(readinessIn(status.conditions)),
    // Of the few operators; those of a hundred thousand resources would be too much.
    ...('uid' in status ? {} : { conditions: status.conditions }),
  });

  const hasOperator = (name: string): boolean => rows.get(`operator._.${name}`)?.operator !== undefined;

  const hosts = ({ operator, type }: { readonly operator: string; readonly type: string }): boolean =>
    rows.get(`operator._.${operator}`)?.operator?.manifest.operator.resources.some(({ name }) => name === type) ===
    true;

  const summaryOf = (row: Row): Summary | undefined => {
    if (row.entity !== undefined) {
      return summaryOfEntity(row.entity, row.status, !hosts(row.entity.manifest.resource));
    }
    if (row.secret !== undefined) return summaryOfSecret(row.secret);
    return row.operator === undefined ? undefined : summaryOfOperator(row.operator, row.status);
  };

  const keysInOrder = (): readonly string[] => {
    sortedKeys ??= [...rows.keys()].sort();
    return sortedKeys;
  };

  return {
    get size(): number {
      return rows.size;
    },

    /** Whether the operator is registered, as far as this directory has read. */
    hasOperator,

    /** The same, and that it has the type. */
    hosts,

    /** One KV change. `document` undefined: the key was deleted. */
    absorb: (bucketKey: string, document: unknown): void => {
      const { rowKey, part, type } = rowKeyOf(bucketKey);
      if (part === 'other') return;
      let row = rows.get(rowKey);
      if (row === undefined) {
        if (document === undefined) return;
        row = { type };
        rows.set(rowKey, row);
        sortedKeys = undefined;
      }
      if (part === 'status') {
        if (document === undefined) delete row.status;
        else row.status = statusRow(document as EntityStatus | OperatorStatus);
      } else if (type === 'resource') {
        if (document === undefined) delete row.entity;
        else row.entity = entityRow(document as Entity);
      } else if (type === 'secret') {
        if (document === undefined) delete row.secret;
        else row.secret = withoutValues(document as SecretDocument);
      } else if (document === undefined) delete row.operator;
      else row.operator = document as OperatorDocument;
      if (
        row.entity === undefined &&
        row.operator === undefined &&
        row.secret === undefined &&
        row.status === undefined
      ) {
        rows.delete(rowKey);
        sortedKeys = undefined;
      }
      if (row.entity === undefined || isAnswered(row)) unanswered.delete(rowKey);
      else unanswered.add(rowKey);
    },

    list: (query: ListQuery): ListPage => {
      const limit = query.limit ?? DEFAULT_PAGE_SIZE;
      const parsed = parseSelector(query.selector ?? '');
      if (!parsed.ok) throw new Error(`a selector that was not checked: ${parsed.error}`);
      const selector = parsed.value;
      const items: Summary[] = [];
      let total = 0;
      let lastKey = '';
      let next: string | undefined;
      for (const key of query.answered === false ? [...unanswered].sort() : keysInOrder()) {
        const row = rows.get(key);
        if (row === undefined || (query.type !== undefined && row.type !== query.type)) continue;
        const summary = summaryOf(row);
        if (summary === undefined || !matches(summary, row, query, selector)) continue;
        total += 1;
        if (query.cursor !== undefined && key <= query.cursor) continue;
        if (items.length < limit) {
          items.push(summary);
          lastKey = key;
        } else next ??= lastKey;
      }
      return { items, total, ...(next === undefined ? {} : { next }) };
    },
  };
};

const NO_SPEC = {};

/** Rows need no values, not even sealed ones. */
const withoutValues = (document: SecretDocument): SecretDocument => ({
  ...document,
  manifest: { ...document.manifest, secret: { ...document.manifest.secret, data: {} } },
});

/** Whether the last event of the resource is reported on, by its operator and about this incarnation. */
const isAnswered = ({ entity, status }: Row): boolean =>
  entity !== undefined && status !== undefined && isAbout(status, entity) && status.observedSequence >= entity.sequence;

/** `secret`: `workspace/name`. */
const refersTo = (row: Row, secret: string): boolean => {
  const [workspace = '', name = ''] = secret.split('/');
  return row.operator !== undefined && refersToSecret(row.operator.manifest.operator, { workspace, name });
};

/** What components write may be of any length; a row must fit an answer, and a hundred thousand of them this process. */
const MAX_TEXT = 512;
const cut = (text: string): string => (text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`);

const externalIdOf = (status: EntityStatus | OperatorStatus): Pick<StatusRow, 'externalId'> => {
  const externalId = 'uid' in status ? (status.externalId ?? status.run?.externalId) : undefined;
  return externalId === undefined ? {} : { externalId: cut(externalId) };
};

const labelsOf = (row: Row): Readonly<Record<string, string>> =>
  row.entity?.manifest.labels ?? row.operator?.manifest.labels ?? row.secret?.manifest.labels ?? {};

const matchesLabel = (row: Row, label: string): boolean => {
  const labels = labelsOf(row);
  const equals = label.indexOf('=');
  const [key, value] = equals < 0 ? [label, undefined] : [label.slice(0, equals), label.slice(equals + 1)];
  return Object.hasOwn(labels, key) && (value === undefined || labels[key] === value);
};

const isAs = (summary: Summary, query: ListQuery): boolean =>
  (query.notReady === undefined || (summary.ready !== 'True') === query.notReady) &&
  (query.status === undefined || summary.status === query.status) &&
  (query.runtime === undefined || summary.runtime === query.runtime) &&
  (query.reason === undefined || summary.reason === query.reason);

const matches = (summary: Summary, row: Row, query: ListQuery, selector: Selector): boolean =>
  (query.workspace === undefined || summary.workspace === query.workspace) &&
  (query.operator === undefined || summary.operator === query.operator) &&
  (query.resourceType === undefined || summary.resourceType === query.resourceType) &&
  (query.owner === undefined || summary.owner === query.owner) &&
  (query.tag === undefined || summary.tags.includes(query.tag)) &&
  (query.secret === undefined || refersTo(row, query.secret)) &&
  (query.layer === undefined || summary.layer === query.layer) &&
  (query.orphaned === undefined || (summary.orphaned ?? false) === query.orphaned) &&
  (query.answered === undefined || (row.entity !== undefined && isAnswered(row) === query.answered)) &&
  (query.tags === undefined || query.tags.every((tag) => summary.tags.includes(tag))) &&
  (query.label === undefined || matchesLabel(row, query.label)) &&
  isAs(summary, query) &&
  (selector.length === 0 || selects(selector, labelsOf(row)));

export type Directory = ReturnType<typeof createDirectory>;
