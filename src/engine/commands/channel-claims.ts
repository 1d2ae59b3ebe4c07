// Which operator has which channel: two on one subject would take each other's commands for their own. Held against all operators as they are
// at one place in OPSTREAM_EVENTS; what is decided is stored on the condition that no operator has changed since (`sequence`), so two that are
// applied at the same moment cannot both win. Called by decide-command.ts for commands on operators.

import { Fault } from '../../core/fault.ts';
import { reject, type Rejection, type RejectionDetail } from '../../core/rejection.ts';
import type { HostOperator } from '../../domain/resource/decide.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { Names } from '../../messages/subjects.ts';
import type { Aggregate } from './aggregates.ts';
import { createOperatorDirectory } from '../history/operator-directory.ts';
import type { StoragePlace } from '../history/operator-storage.ts';
import type { StreamReader } from '../ports/streams.ts';

export type OperatorsAt = {
  /** Of the last message about any operator. */
  readonly sequence: number;
  readonly operators: readonly OperatorDocument[];
  /** Of the last message on the subject of one operator; 0: there is none. */
  lastOf(subject: string): number;
  /** See the directory. */
  storageNamedBy(operator: string): readonly StoragePlace[];
};

/** Reads what has come since the last look. */
export const createChannelClaims = (names: Names, reader: Pick<StreamReader, 'readSubject'>) => {
  const directory = createOperatorDirectory(names);
  const lastOf = new Map<string, number>();
  let sequence = 0;
  return async (): Promise<OperatorsAt> => {
    for (const message of await reader.readSubject(names.operatorEventFilter, { fromSequence: sequence + 1 })) {
      // Two looks at once read the same; what is known is not folded again.
      directory.absorb(message);
      lastOf.set(message.subject, Math.max(message.sequence, lastOf.get(message.subject) ?? 0));
      sequence = Math.max(sequence, message.sequence);
    }
    const { storageNamedBy } = directory;
    return { sequence, operators: directory.all(), lastOf: (subject) => lastOf.get(subject) ?? 0, storageNamedBy };
  };
};

/** By stream and subject: where in the manifest. Those of a server of the operator's own meet nobody else's. */
const channelsOf = (operator: HostOperator | undefined): ReadonlyMap<string, string> => {
  const { resources = [], natsClusterConfig } = operator?.manifest.operator ?? {};
  if (natsClusterConfig !== undefined) return new Map();
  return new Map(
    resources.map(({ natsApi }, index) => [
      natsApi.command.subject,
      `/operator/resources/${index}/natsApi/command/subject`,
    ]),
  );
};

/**
 * Why `next` cannot have its channels: another operator has one of them. What it had before it may keep. `others`: without itself.
 */
export const takenChannels = (
  next: HostOperator,
  before: HostOperator | undefined,
  others: readonly HostOperator[],
): Rejection | undefined => {
  const own = channelsOf(before);
  const wanted = [...channelsOf(next)].filter(([subject]) => !own.has(subject));
  if (wanted.length === 0) return undefined;
  const owners = new Map(
    others.flatMap((other) => [...channelsOf(other).keys()].map((subject) => [subject, other.name] as const)),
  );
  const details = wanted.flatMap(([subject, pointer]): readonly RejectionDetail[] => {
    const owner = owners.get(subject);
    const message = `operator "${owner ?? ''}" has the subject "${subject}"; name another one in natsApi.command`;
    return owner === undefined ? [] : [{ message, pointer }];
  });
  const [first] = details;
  return first === undefined ? undefined : reject('CHANNEL_TAKEN', first.message, details);
};

/** Faults: JS_CONFLICT (what the command was decided on is older, or newer, than what was looked at). */
export const assertSame = ({ subject, lastSequence }: Aggregate, seen: OperatorsAt): void => {
  if (seen.lastOf(subject) === lastSequence) return;
  throw new Fault('JS_CONFLICT', `${subject}: changed while it was decided`);
};
