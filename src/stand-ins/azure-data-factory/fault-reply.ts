// What a request that meets an ordered fault is answered, when the fault is an answer: a status or a throttling.

import { armError, type Reply } from './errors.ts';
import type { Fault } from '../common/faults.ts';
import type { RouteMatch } from './routes.ts';
import { remainingHeader, throttledReply } from './throttle.ts';
import type { World } from './world.ts';

const apiErrorCodes: ReadonlyMap<number, string> = new Map([
  [400, 'BadRequest'],
  [403, 'AuthorizationFailed'],
  [404, 'NotFound'],
  [409, 'Conflict'],
  [429, 'TooManyRequests'],
  [500, 'InternalServerError'],
  [502, 'BadGateway'],
  [503, 'ServerUnavailable'],
  [504, 'GatewayTimeout'],
]);

/** Undefined for the faults that are no answer. */
export const faultReply = (fault: Fault, world: World, match: RouteMatch, isToken: boolean): Reply | undefined => {
  const { status, body, retryAfterSeconds } = fault;
  if (fault.kind === 'throttle') {
    const reply = throttledReply(world.options.subscriptionId, retryAfterSeconds ?? 5);
    const remaining = match.kind === 'operation' ? { [remainingHeader(match.operation.requestClass)]: '0' } : {};
    return { ...reply, headers: { ...reply.headers, ...remaining } };
  }
  if (fault.kind !== 'status') return undefined;
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  if (body !== undefined) return { status, headers, body };
  if (!isToken)
    return armError(status, apiErrorCodes.get(status) ?? `Status${status}`, 'A fault ordered for this request.', {
      headers,
    });
  const text = 'AADSTS90033: A transient error has occurred. Please try again.';
  return { status, headers, body: { error: 'temporarily_unavailable', error_description: text, error_codes: [90033] } };
};
