// What a caller is told when nobody serves a subject of the instance: it does not run, or goes by another prefix. Used by the client's doors.

import { Fault, isFault } from '../core/fault.ts';
import type { Names } from '../messages/subjects.ts';

/**
 * `missing`: what there would have to be, as in "no command-handler". Another fault, or anything else that was thrown, is given back as it is.
 */
export const nobodyThere = (
  error: unknown,
  { prefix }: Pick<Names, 'prefix'>,
  missing: string,
  details: Readonly<Record<string, unknown>>,
): unknown => {
  if (!isFault(error, 'NATS_NO_RESPONDERS')) return error;
  const message = `${missing} of the instance "${prefix}" at this server; start one with \`opstream up\`, or name another instance with --prefix`;
  return new Fault('NATS_NO_RESPONDERS', message, { retry: 'later', details, cause: error });
};
