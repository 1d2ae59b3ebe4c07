// What an answer that is no success becomes: a Fault that says whether the same may work later, whether there can have been an effect, and
// why in words. By the answer's status, unless the manifest's `errors` tells it from the body.

import {
  Fault,
  isJsonObject,
  outcomeOfStatus,
  type HttpErrors,
  type HttpReply,
  type JsonObject,
  type JsonValue,
} from '../../sdk/index.ts';
import type { Definition } from './definition.ts';
import type { Evaluate } from './template.ts';

/** 409, 423, 425: in conflict with something, locked, too early: all for a while. */
const RETRY_STATUSES = [408, 409, 423, 425, 500, 502, 503, 504];
const THROTTLE_STATUSES = [429];
const NOT_THERE = 404;
const MAX_WORDS = 300;

/** From here on an error is about the platform's own database, with what was put into it. */
const SQL =
  /\(?\b(?:sqlite3|psycopg2?|asyncpg|pymysql|mysqldb|pyodbc|sqlalchemy)\.\w|\[SQL\b|\bSELECT\s.+\sFROM\s|\bINSERT\s+INTO\s|\bUPDATE\s.+\sSET\s|\bDELETE\s+FROM\s/i;

/** What the API says went wrong: the first text that looks like a message. */
const wordsIn = (body: JsonValue | undefined): string => {
  if (typeof body === 'string') return body;
  if (!isJsonObject(body)) return '';
  for (const key of ['message', 'error_description', 'detail', 'title', 'error']) {
    const value = body[key];
    if (typeof value === 'string' && value !== '') return value;
    if (isJsonObject(value)) return wordsIn(value);
  }
  return '';
};

const tidy = (words: string): string => {
  const line = words.replaceAll(/\s+/g, ' ').trim();
  const at = line.search(SQL);
  return (at === -1 ? line : `${line.slice(0, at).trim()} (SQL of the platform left out)`.trim()).slice(0, MAX_WORDS);
};

/** `isRefused`: whatever its status, the answer is an error. Nothing was said about what is undefined. */
type Verdict = {
  readonly isRefused: boolean;
  readonly isNotThere?: boolean;
  readonly isTemporary?: boolean;
  readonly words?: string;
};

export type Refusals = {
  readonly isThrottle: (status: number) => boolean;
  /** Undefined: it is a success. `what`: the request in words. */
  of(reply: HttpReply, isFine: boolean, what: string, input: JsonObject): Promise<Fault | undefined>;
};

const PROGRAMS = ['when', 'gone', 'temporary', 'text'] as const satisfies readonly (keyof HttpErrors)[];

export const createRefusals = (definition: Definition, evaluate: Evaluate): Refusals => {
  const { errors, retry, throttle } = definition.http;
  const retryStatuses = retry?.statuses ?? RETRY_STATUSES;
  const throttleStatuses = throttle?.statuses ?? THROTTLE_STATUSES;
  const isThrottle = (status: number): boolean => throttleStatuses.includes(status);

  const judge = async ({ status, headers, body }: HttpReply, isFine: boolean, input: JsonObject): Promise<Verdict> => {
    const isAsked = errors !== undefined && !(isFine && errors.when === undefined && errors.gone === undefined);
    if (!isAsked) return { isRefused: !isFine };
    const response = { status, headers: Object.fromEntries(headers), body: body ?? null };
    const programs = PROGRAMS.map((name) => errors[name] ?? 'null');
    const [when, gone, temporary, text] = await evaluate(programs, { ...input, response });
    return {
      isRefused: !isFine || when === true || gone === true,
      ...(gone === true ? { isNotThere: true } : {}),
      ...(typeof temporary === 'boolean' ? { isTemporary: temporary } : {}),
      ...(typeof text === 'string' && text !== '' ? { words: text } : {}),
    };
  };

  const retryOf = ({ status, retryAfterMs }: HttpReply, { isTemporary }: Verdict): Fault['retry'] => {
    const isThrottled = isThrottle(status);
    if (!isThrottled && !(isTemporary ?? retryStatuses.includes(status))) return 'never';
    const afterMs = retryAfterMs ?? (isThrottled ? definition.pauseMs : undefined);
    if (afterMs === undefined) return 'later';
    return isThrottled ? { afterMs, scope: 'operator' } : { afterMs };
  };

  return {
    isThrottle,
    of: async (reply, isFine, what, input) => {
      const { status, unreadable } = reply;
      const verdict = await judge(reply, isFine, input);
      if (!verdict.isRefused) {
        if (unreadable !== 'html') return undefined;
        const message = `${what}: ${status} with a page of HTML; expected an answer of the API (is that a login page or a proxy?)`;
        return new Fault('COMPONENT_RETRYABLE', message, { details: { status, outcome: 'unknown' } });
      }
      const words = tidy(verdict.words ?? wordsIn(reply.body));
      const retrying = retryOf(reply, verdict);
      const outcome = outcomeOfStatus(status);
      return new Fault(
        retrying === 'never' ? 'COMPONENT_TERMINAL' : 'COMPONENT_RETRYABLE',
        `${what}: ${status}${words === '' ? '' : `: ${words}`}`,
        { retry: retrying, details: { status: verdict.isNotThere === true ? NOT_THERE : status, outcome } },
      );
    },
  };
};
