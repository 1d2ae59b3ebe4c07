// The last status of an operator, as the runtime stored it.

import type { StreamReader } from '../ports/streams.ts';
import type { Names } from '../../messages/subjects.ts';
import type { OwnEvents } from '../../messages/own-events.ts';
import { createOwnEvents } from '../../messages/own-events.ts';
import type { OperatorStatus } from '../../messages/entity.ts';
import { lastOwnStatus } from './last-own-status.ts';
import { NO_WORKSPACE } from '../../core/names.ts';

/** `sequence`: of the last message on its subject. `status` undefined: nothing was reported yet. */
export const lastOperatorStatus = async (
  reader: StreamReader,
  names: Names,
  name: string,
  own: OwnEvents = createOwnEvents(names),
): Promise<{ readonly sequence: number; readonly status: OperatorStatus | undefined }> => {
  const { sequence, event } = await lastOwnStatus(reader, own, operatorStatusSubject(names, name));
  return { sequence, status: event?.data as OperatorStatus | undefined };
};

export const operatorStatusSubject = (names: Names, name: string): string =>
  names.status({ operator: name, workspace: NO_WORKSPACE, name });
