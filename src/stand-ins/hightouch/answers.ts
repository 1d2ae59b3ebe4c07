// The API's error shapes, which differ by kind, and the one exception of this program: a `Refusal` carries a finished answer out of any
// depth of checking.

import type { Reply } from '../common/reply.ts';

export class Refusal extends Error {
  readonly reply: Reply;
  constructor(reply: Reply) {
    super(`refused with ${reply.status}`);
    this.name = 'Refusal';
    this.reply = reply;
  }
}

export const ok = (body: unknown): Reply => ({ status: 200, body });
export const unauthorized = (details: string): Reply => ({
  status: 401,
  body: { message: 'Authentication error', details },
});
/** 422 of what was sent, 409 of what it meets; `details` by field. */
export const validation = (details: Readonly<Record<string, unknown>>, status: 409 | 422 = 422): Reply => ({
  status,
  body: { message: 'Validation failed', details },
});
export const notFound = (what: string): Reply => ({ status: 404, body: { message: `${what} not found` } });
export const tooMany = (headers: Readonly<Record<string, string>> = {}): Reply => ({
  status: 429,
  headers,
  body: { error: 'Too many requests, please try again later.' },
});
/** A bare JSON string, as the API has it. */
export const internalError: Reply = { status: 500, body: 'Internal Server Error' };
/** What a fault ordered with only a status is answered with. */
export const replyOfStatus = (status: number, headers: Readonly<Record<string, string>>): Reply => {
  if (status === 401) return { ...unauthorized('Invalid API key'), headers };
  if (status === 404) return { ...notFound('Resource'), headers };
  if (status === 409 || status === 422) return { ...validation({ ordered: ['a fault'] }, status), headers };
  if (status === 429) return tooMany(headers);
  if (status >= 500) return { ...internalError, status, headers };
  return { status, headers, body: { message: 'A fault ordered for this request.' } };
};
