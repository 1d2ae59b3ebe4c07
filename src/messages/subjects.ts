// Every subject, stream and bucket name, as pairs: one function to publish, one pattern to subscribe, one parser.
// `prefix` is the instance (default "opstream"): two instances share a server without meeting.

import { assertToken, isToken, NO_WORKSPACE } from '../core/names.ts';

export const SHARD_COUNT = 16;

export const kinds = ['operator', 'resource', 'secret'] as const;
export type Kind = (typeof kinds)[number];
/** What identifies an aggregate. Operators have workspace `_`. */
export type Ref = { readonly kind: Kind; readonly workspace: string; readonly name: string };

/** FNV-1a, 32 bit, of the UTF-8 bytes (names are ASCII). Same as the server's `partition()`. */
export const fnv1a = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
};

const twoDigits = (shard: number): string => (shard < 10 ? `0${shard}` : String(shard));

/** The shard of an aggregate: `fnv1a("<kind>.<workspace>.<name>") mod 16`, two digits, fixed for ever. */
export const shardOf = (ref: Ref): string => twoDigits(fnv1a(`${ref.kind}.${ref.workspace}.${ref.name}`) % SHARD_COUNT);

export const allShards: readonly string[] = Array.from({ length: SHARD_COUNT }, (_, shard) => twoDigits(shard));

export const operatorRef = (name: string): Ref => ({ kind: 'operator', workspace: NO_WORKSPACE, name });
export const resourceRef = (workspace: string, name: string): Ref => ({ kind: 'resource', workspace, name });

export const secretRef = (workspace: string, name: string): Ref => ({ kind: 'secret', workspace, name });

/** Of operators the workspace does not matter. */
export const refOfKind = (kind: Kind, workspace: string, name: string): Ref =>
  kind === 'operator' ? operatorRef(name) : { kind, workspace, name };

export const refKey = (ref: Ref): string => `${ref.kind}.${ref.workspace}.${ref.name}`;

/** Where one observed state is stored. The status of an operator itself has workspace `_` and the operator's own name. */
export type StatusRef = { readonly operator: string; readonly workspace: string; readonly name: string };

export const statusShardOf = (ref: StatusRef): string =>
  shardOf(ref.workspace === NO_WORKSPACE ? operatorRef(ref.name) : resourceRef(ref.workspace, ref.name));

export type Names = ReturnType<typeof namesFor>;

/** All names of one instance. `prefix` must be a token; upper case with `_` for streams, as it is for buckets. */
export const namesFor = (prefix: string) => {
  const p = assertToken(prefix);
  const stream = p.toUpperCase().replaceAll('-', '_');
  const token = assertToken;
  return {
    prefix: p,

    streams: {
      commands: `${stream}_COMMANDS`,
      events: `${stream}_EVENTS`,
      status: `${stream}_STATUS`,
      outcomes: `${stream}_OUTCOMES`,
      dead: `${stream}_DEAD`,
      logs: `${stream}_LOGS`,
    },
    buckets: {
      operators: `${p}-operators`,
      entities: `${p}-entities`,
      secrets: `${p}-secrets`,
      leases: `${p}-leases`,
      snapshots: `${p}-snapshots`,
    },
    services: {
      commandHandler: `${p}-command-handler`,
      projector: `${p}-projector`,
      queryResponder: `${p}-query-responder`,
      operatorRuntime: `${p}-operator-runtime`,
    },

    /** opstream.rpc.<verb> */
    rpc: (verb: string) => `${p}.rpc.${token(verb)}`,
    /** opstream.internal.<verb>: what the programs of the instance ask each other. */
    internal: (verb: string) => `${p}.internal.${token(verb)}`,
    /** opstream.cmd.<verb> */
    command: (verb: string) => `${p}.cmd.${token(verb)}`,
    commandFilter: `${p}.cmd.*`,
    /** opstream.query.<verb> */
    query: (verb: string) => `${p}.query.${token(verb)}`,
    /** opstream.health.<process> */
    health: (process: string) => `${p}.health.${token(process)}`,

    /** opstream.event.<shard>.<kind>.<workspace or _>.<name> */
    event: (ref: Ref) => `${p}.event.${shardOf(ref)}.${ref.kind}.${token(ref.workspace)}.${token(ref.name)}`,
    eventFilter: `${p}.event.>`,
    operatorEventFilter: `${p}.event.*.operator.>`,
    secretEventFilter: `${p}.event.*.secret.>`,
    /** opstream.live.event.<kind>.<workspace or _>.<name> */
    liveEvent: (ref: Ref) => `${p}.live.event.${ref.kind}.${token(ref.workspace)}.${token(ref.name)}`,
    liveEventFilter: `${p}.live.event.>`,

    /** opstream.status.<shard>.<operator>.<workspace or _>.<name> */
    status: (ref: StatusRef) =>
      `${p}.status.${statusShardOf(ref)}.${token(ref.operator)}.${token(ref.workspace)}.${token(ref.name)}`,
    statusFilter: `${p}.status.>`,
    operatorStatusFilter: `${p}.status.*.*.${NO_WORKSPACE}.*`,
    /** The statuses of one thing whoever reported them: an operator may have changed over a deletion. */
    statusOfAny: (workspace: string, name: string) =>
      `${p}.status.${statusShardOf({ operator: name, workspace, name })}.*.${token(workspace)}.${token(name)}`,
    liveStatus: (ref: StatusRef) =>
      `${p}.live.status.${token(ref.operator)}.${token(ref.workspace)}.${token(ref.name)}`,
    liveStatusFilter: `${p}.live.status.>`,

    /** opstream.outcome.<command id>, republished as opstream.live.outcome.<command id> */
    outcome: (commandId: string) => `${p}.outcome.${token(commandId)}`,
    liveOutcome: (commandId: string) => `${p}.live.outcome.${token(commandId)}`,
    liveOutcomeFilter: `${p}.live.outcome.*`,

    /** opstream.dead.<source> */
    dead: (source: string) => `${p}.dead.${token(source)}`,

    /** opstream.log.<operator>.<component>.<replica>: what that copy of the component prints */
    log: (operator: string, component: string, replica: number) =>
      `${p}.log.${token(operator)}.${token(component)}.${replica}`,
    /** Absent: all of them. */
    logFilter: (operator: string, component?: string, replica?: number) =>
      `${p}.log.${token(operator)}.${component === undefined ? '*' : token(component)}.${replica ?? '*'}`,

    /** `{kind, workspace, name}` of an event subject, or undefined when it is not one of this instance. */
    parseEvent: (subject: string): (Ref & { readonly shard: string }) | undefined => {
      const [head, room, shard, kind, workspace, name, ...rest] = subject.split('.');
      if (head !== p || room !== 'event' || shard === undefined || rest.length > 0) return undefined;
      if (kind !== 'operator' && kind !== 'resource' && kind !== 'secret') return undefined;
      if (!isToken(name) || workspace === undefined || (workspace !== NO_WORKSPACE && !isToken(workspace)))
        return undefined;
      return { kind, workspace, name, shard };
    },

    /** `{operator, component, replica}` of a log subject, or undefined when it is not one of this instance. */
    parseLog: (
      subject: string,
    ): { readonly operator: string; readonly component: string; readonly replica: number } | undefined => {
      const [head, room, operator, component, replica, ...rest] = subject.split('.');
      if (head !== p || room !== 'log' || rest.length > 0) return undefined;
      if (!isToken(operator) || !isToken(component) || !/^\d{1,6}$/.test(replica ?? '')) return undefined;
      return { operator, component, replica: Number(replica) };
    },

    /** `{operator, workspace, name}` of a status subject, or undefined when it is not one of this instance. */
    parseStatus: (subject: string): (StatusRef & { readonly shard: string }) | undefined => {
      const [head, room, shard, operator, workspace, name, ...rest] = subject.split('.');
      if (head !== p || room !== 'status' || shard === undefined || rest.length > 0) return undefined;
      if (!isToken(operator) || !isToken(name)) return undefined;
      if (workspace === undefined || (workspace !== NO_WORKSPACE && !isToken(workspace))) return undefined;
      return { operator, workspace, name, shard };
    },
  };
};

/** Keys of the two view buckets. */
export const viewKeys = {
  operator: (name: string) => `operator.${assertToken(name)}`,
  operatorStatus: (name: string) => `status.${assertToken(name)}`,
  entity: (workspace: string, name: string) => `entity.${assertToken(workspace)}.${assertToken(name)}`,
  secret: (workspace: string, name: string) => `secret.${assertToken(workspace)}.${assertToken(name)}`,
  entityStatus: (workspace: string, name: string) => `status.${assertToken(workspace)}.${assertToken(name)}`,
  /** How far a stream is in the bucket's documents. One ordered reader serves all shards, so the last token is `all`. */
  checkpoint: (stream: string) => `checkpoint.${stream}.all`,
} as const;
