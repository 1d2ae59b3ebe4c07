// Which streams and buckets an operator has on the NATS server, made of its manifest, and what is told of one of them. Pure. Called when the
// deletion of an operator ends (left-storage.ts) and by the sweep that removes the empty ones (storage-sweep.ts).

import { leaseNameIn, queueOf, stateBucketOf } from '../../messages/component-names.ts';
import type { LeftStorageReason } from '../../messages/left-behind.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { StorageFacts, StorageRef } from '../ports/storage.ts';

const QUEUE = 'ENTITY_OF_INTEREST_MESSAGE_QUEUE';

/** A stream or bucket, with the subjects that manifests name for it. */
export type StoragePlace = StorageRef & {
  /** A stream that has others as well is not opstream's alone. Of a bucket: none, its name says them. */
  readonly subjects: readonly string[];
};

export const storageKey = ({ kind, name }: StorageRef): string => `${kind} ${name}`;

const textOf = (value: unknown): string | undefined =>
  value === undefined || value === '' ? undefined : String(value);

/**
 * The command streams, and the buckets that components made with the SDK call theirs: by the queue that the runtime gives them, that the manifest
 * names, or that one of somebody else's makes of its command subject.
 */
export const storageOf = ({ name, manifest }: OperatorDocument, prefix: string): readonly StoragePlace[] => {
  const streams = new Map<string, Set<string>>();
  const queues = new Set<string>();
  for (const { natsApi } of manifest.operator.resources) {
    const { stream, subject } = natsApi.command;
    streams.set(stream, (streams.get(stream) ?? new Set()).add(subject));
    queues.add(subject);
  }
  for (const { name: component, environmentVars } of manifest.operator.components)
    queues.add(textOf(environmentVars?.[QUEUE]) ?? `${name}-${component}`);
  const buckets = new Set([...queues].map((queue) => stateBucketOf(prefix, queueOf(queue))));
  return [
    ...[...streams].map(([stream, subjects]) => ({ kind: 'stream', name: stream, subjects: [...subjects] }) as const),
    ...[...buckets].map((bucket) => ({ kind: 'bucket', name: bucket, subjects: [] }) as const),
  ];
};

/** The leases that its components hold while they run, if they are made with the SDK. */
export const leasesOf = ({ name, manifest }: OperatorDocument): readonly string[] => {
  const { components, resources } = manifest.operator;
  const subjects = resources.map(({ natsApi }) => natsApi.command.subject);
  const named = components.flatMap(({ name: component, environmentVars = {} }) => {
    const texts = Object.fromEntries(Object.entries(environmentVars).map(([key, value]) => [key, textOf(value)]));
    return leaseNameIn({ ...texts, [QUEUE]: texts[QUEUE] ?? `${name}-${component}` }) ?? [];
  });
  return [...new Set([...named, ...subjects.flatMap((queue) => leaseNameIn({ [QUEUE]: queue }) ?? [])])];
};

/** Why it stays for now; undefined: it is empty and opstream's own. `named`: the subjects that manifests name for it. */
export const reasonToStay = (facts: StorageFacts, named: ReadonlySet<string>): LeftStorageReason | undefined => {
  if (!facts.isOurs || facts.subjects.some((subject) => !named.has(subject))) return 'NotOurs';
  return facts.isEmpty ? undefined : 'NotEmpty';
};
