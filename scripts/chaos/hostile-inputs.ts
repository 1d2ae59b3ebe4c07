// Messages that nobody should send, to every door of an instance: what is published where, with which headers, and what must come of it. The values
// in them are those of hostile-values.ts. Everything that they may change is called `fz-…`, so that the things of the program itself stay alone.

import { encodeJson } from '../../src/core/decode.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { verbs } from '../../src/messages/commands.ts';
import { queryVerbs } from '../../src/messages/queries.ts';
import { datasetOf, operatorNamed, together } from '../../test/support/manifests.ts';
import {
  bytesOf,
  damaged,
  hostileSchema,
  hostileText,
  hostileValue,
  hostileYaml,
  mutated,
  nested,
  randomBytes,
} from './hostile-values.ts';
import type { Random } from './random.ts';

export type HostileInput = {
  /** A line of the table of counts. */
  readonly kind: string;
  readonly subject: string;
  readonly data: Uint8Array;
  /** The header block as it goes over the wire, right or wrong. */
  readonly headers?: Uint8Array;
  /** `answer`: from us, as JSON; `some`: an answer of the server, or that nobody listens; `none`: nothing is waited for. */
  readonly expects: 'answer' | 'some' | 'none';
  /** When it was given as it should be. */
  readonly commandId?: string;
  /** So many events under that id, or none: documents with new names. */
  readonly documents?: number;
};

/** The things that inputs are about. The operator `fz` has a component. */
const OPERATORS = ['fz', 'fz-a', 'fz-b'];
const nameOf = (random: Random): string => `fz-${random.between(1, 40)}`;

const secretNamed = (name: string): JsonObject => ({
  ...{ name, version: 'v1', type: 'secret', workspace: 'public' },
  secret: { type: 'key-value', acl: 'r', data: { A: 'b' } },
});

const operatorWithSchema = (random: Random): JsonObject => {
  const operator = operatorNamed(random.pick(['fz-a', 'fz-b'])) as { operator: { resources: JsonObject[] } };
  const resources = operator.operator.resources.map((type) => {
    const schema = hostileSchema(random);
    return { ...type, specSchema: { jsonSchema: random.chance(0.9) ? JSON.stringify(schema) : schema } };
  });
  return { ...operator, operator: { ...operator.operator, resources } } as unknown as JsonObject;
};

const manifestOf = (random: Random): JsonObject => {
  const spec = random.chance(0.5) ? { value: hostileValue(random) } : {};
  return random.pick<() => JsonObject>([
    () => datasetOf(random.pick(OPERATORS), nameOf(random), spec),
    () =>
      ({
        ...datasetOf('fz-a', nameOf(random), {}),
        labels: { [hostileText(random)]: hostileValue(random) },
      }) as JsonObject,
    () => operatorNamed(random.pick(['fz-a', 'fz-b'])),
    () => secretNamed(nameOf(random)),
  ])();
};

const POINTERS = [
  ...['', '/', '/__proto__', '/__proto__/polluted', '/constructor/prototype/polluted', '/resource/spec/__proto__/x'],
  ...[
    '/resource/spec/-',
    '/tags/00',
    '/tags/01',
    '/tags/-',
    '/tags/1e0',
    '/tags/length',
    '/name',
    '/type',
    '/resource/operator',
  ],
  ...[
    '/~',
    '/~2',
    '/resource/spec/~1~0',
    `/a`.repeat(3000),
    '/resource/spec/x',
    '/description',
    'no-slash',
    '/resource/spec',
  ],
];

const patchOf = (random: Random): JsonValue => {
  const pointer = (): string => random.pick(POINTERS);
  const one = (): JsonObject => ({
    op: random.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'add', hostileText(random)]),
    path: pointer(),
    ...(random.chance(0.4) ? { from: pointer() } : {}),
    ...(random.chance(0.8) ? { value: hostileValue(random) } : {}),
  });
  const grow = { op: 'copy', from: '/resource/spec', path: '/resource/spec/x' };
  return random.pick<() => JsonValue>([
    () => [one()],
    () => Array.from({ length: random.between(1, 8) }, one),
    () => Array.from({ length: random.between(2, 40) }, () => grow),
    () => Array.from({ length: 5000 }, () => ({ op: 'test', path: '/name', value: 'x' })),
    () => [{ op: 'add', path: '/resource/spec/x', value: nested(random.between(1, 900), 1) }],
    () => hostileValue(random),
  ])();
};

const targetOf = (random: Random): JsonObject => {
  const target: Record<string, JsonValue> = {
    type: random.pick(['resource', 'operator', 'secret', 'resource']),
    name: nameOf(random),
  };
  if (random.chance(0.5)) target['patch'] = patchOf(random);
  if (random.chance(0.2)) target['force'] = random.pick<JsonValue>([true, 'yes', 1]);
  if (random.chance(0.2)) target['parameters'] = hostileValue(random);
  if (random.chance(0.1)) target['action'] = hostileText(random);
  if (random.chance(0.1)) target['name'] = random.pick(['fz-a', 'fz-b', hostileText(random)]);
  return random.chance(0.4) ? mutated(random, target) : target;
};

const SELECTORS = [
  'a in (',
  'a notin ()',
  'a>b',
  '!a,,b',
  'a==b==c',
  'x in (a b)',
  '('.repeat(3000),
  'a'.repeat(9000),
  '__proto__=1',
  ',',
  '!',
];

const questionOf = (random: Random): JsonObject => {
  const query: Record<string, JsonValue> = {
    type: random.pick(['resource', 'operator', 'secret', '*']),
    name: nameOf(random),
  };
  if (random.chance(0.3)) query['selector'] = random.pick([...SELECTORS, hostileText(random)]);
  if (random.chance(0.3)) query['limit'] = random.pick<JsonValue>([-1, 0, 1, 1e9, 0.5, '7', 1000]);
  if (random.chance(0.2)) query['cursor'] = random.pick<JsonValue>([hostileText(random), 'x'.repeat(3000), 7]);
  if (random.chance(0.1)) query['minSequence'] = random.pick<JsonValue>([-1, 1e15, 0.5, '9']);
  query['waitMs'] = random.pick<JsonValue>([0, 1, 20, -5, 'soon']);
  return random.chance(0.4) ? mutated(random, query) : query;
};

const HEADERS: readonly ((random: Random) => string)[] = [
  (random) => `Opstream-Command-Id: ${hostileText(random).replaceAll(/[\r\n]/g, '')}\r\n`,
  () => 'Opstream-Dry-Run: maybe\r\n',
  (random) => `Opstream-Expected-Generation: ${random.pick(['-1', '1e3', '99999999999999999999', 'x', ''])}\r\n`,
  (random) => `Opstream-Workspace: ${hostileText(random).replaceAll(/[\r\n]/g, '')}\r\n`,
  () => 'Opstream-Actor: \u0000\u202e\r\n',
  () => 'traceparent: 00-zz-zz-00\r\nTraceparent: 00\r\ntracestate: =,=,\r\n',
  () => 'Nats-Rollup: all\r\n',
  () => 'Nats-Expected-Last-Sequence: -1\r\n',
  () => 'no colon here\r\n',
  () => ': empty\r\n',
  () => 'X: y\r\n'.repeat(300),
];
const headerBlock = (lines: string): Uint8Array => bytesOf(`NATS/1.0\r\n${lines}\r\n`);

type Body = { readonly data: Uint8Array; readonly documents?: number };

const commandBody = (random: Random, isManifest: boolean, number: number): Body => {
  const kind = random.next();
  if (kind < 0.15) return { data: randomBytes(random) };
  if (kind < 0.22) return { data: hostileYaml(random) };
  if (!isManifest) return { data: encodeJson(targetOf(random)) };
  if (kind < 0.4) return { data: encodeJson(operatorWithSchema(random)) };
  if (kind < 0.55) return { data: damaged(random, encodeJson(manifestOf(random))) };
  if (kind < 0.65) {
    // New names: all of them are stored, or none.
    const many = [1, 2, 3].map((index) => datasetOf('fz', `fz-many-${number}-${index}`, {}));
    const isSpoilt = random.chance(0.6);
    const last = isSpoilt ? { ...mutated(random, many[2] ?? {}), type: 'resource' } : (many[2] ?? {});
    return { data: together([...many.slice(0, 2), last]), ...(isSpoilt ? {} : { documents: 3 }) };
  }
  return { data: encodeJson(mutated(random, manifestOf(random))) };
};

/** A command through the door of its verb, with an id of its own in most cases. */
const command = (random: Random, number: number): HostileInput => {
  const door = random.pick(['rpc', 'rpc', 'rpc', 'cmd', 'internal']);
  const verb = door === 'internal' ? random.pick(['finalize', 'settle']) : random.pick(verbs);
  const body = commandBody(random, verb === 'apply' || verb === 'create', number);
  const commandId = `fuzz-${number}`;
  const isPlain = random.chance(0.7);
  const lines = `Opstream-Command-Id: ${commandId}\r\n${isPlain ? '' : random.pick(HEADERS)(random)}`;
  const isNamed = isPlain && !/Opstream-Command-Id.*Opstream-Command-Id/s.test(lines);
  return {
    kind: `${door} ${verb === 'apply' || verb === 'create' ? 'manifests' : 'targets'}`,
    subject: `opstream.${door}.${verb}`,
    headers: headerBlock(lines),
    ...body,
    expects: door === 'rpc' ? 'answer' : 'some',
    ...(isNamed ? { commandId } : {}),
  };
};

const question = (random: Random): HostileInput => ({
  kind: 'query',
  subject: `opstream.query.${random.pick(queryVerbs)}`,
  data: random.chance(0.2) ? randomBytes(random) : encodeJson(questionOf(random)),
  ...(random.chance(0.2) ? { headers: headerBlock(random.pick(HEADERS)(random)) } : {}),
  expects: 'answer',
});

/** Without what would end our own connection, which is none of the product's. */
const tokenOf = (random: Random): string =>
  hostileText(random)
    .replaceAll(/[\s\u0000*>]/g, '_')
    .slice(0, 200) || '_';

const elsewhere = (random: Random): HostileInput => ({
  kind: 'other subjects',
  subject: random.pick([
    ...[`opstream.rpc.${tokenOf(random)}`, `opstream.cmd.${tokenOf(random)}`, `opstream.query.${tokenOf(random)}`],
    ...['opstream.health.command-handler', 'opstream.health.projector', '$SRV.PING.opstream-command-handler'],
    ...['$SRV.STATS.opstream-query-responder', `opstream.internal.${tokenOf(random)}`, 'fz.dataset.query'],
  ]),
  data: random.chance(0.5) ? randomBytes(random) : encodeJson(hostileValue(random)),
  ...(random.chance(0.3) ? { headers: headerBlock(random.pick(HEADERS)(random)) } : {}),
  expects: 'some',
});

/**
 * What only an administrator can do. Checkpoints are left alone: a wrong one stops its view until somebody says `rebuild`, as it must, and then the
 * rest of the run would say nothing.
 */
const byHand = (random: Random): HostileInput => {
  const name = nameOf(random);
  const shard = String(random.between(0, 15)).padStart(2, '0');
  const subject = random.pick([
    ...[`opstream.event.${shard}.resource.public.${name}`, `opstream.event.${shard}.${tokenOf(random)}.x.${name}`],
    ...[`opstream.status.${shard}.fz.public.${name}`, `opstream.outcome.${name}`, 'opstream.dead.fuzz'],
    ...[`opstream.live.event.resource.public.${name}`, 'opstream.log.fz.worker.1', 'fz.dataset', `fz-a.dataset`],
    ...[`$KV.opstream-entities.entity.public.${name}`, `$KV.opstream-entities.status.public.${name}`],
    ...[`$KV.opstream-operators.operator.${name}`, `$KV.opstream-secrets.secret.public.${name}`],
    ...[`$KV.opstream-operators.status.${name}`, `$KV.opstream-snapshots.resource.public.${name}`],
    ...['$KV.opstream-entities.what.is.this', '$KV.opstream-leases.fuzz', `$KV.opstream-entities.entity.${name}`],
  ]);
  const event = {
    specversion: '1.0',
    id: `x${name}`,
    type: 'io.opstream.resource.declared.v1',
    data: hostileValue(random),
  };
  return {
    kind: 'streams and buckets by hand',
    subject,
    data: random.pick([
      () => randomBytes(random),
      () => encodeJson(hostileValue(random)),
      () => encodeJson(mutated(random, event)),
      () => encodeJson({ manifest: datasetOf('fz', name, {}), sequence: random.pick([0, 1, 1e15]), generation: 'x' }),
    ])(),
    ...(random.chance(0.1) ? { headers: headerBlock('KV-Operation: DEL\r\n') } : {}),
    expects: 'some',
  };
};

export const hostileInput = (random: Random, number: number): HostileInput => {
  const kind = random.next();
  if (kind < 0.6) return command(random, number);
  if (kind < 0.85) return question(random);
  if (kind < 0.93) return elsewhere(random);
  return byHand(random);
};
