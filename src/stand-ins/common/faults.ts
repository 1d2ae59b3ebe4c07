// Faults that a test orders in advance: the next matching requests get a status, lose their connection (before anything
// happened, or after it was accepted), wait for their answer, or are throttled. Matched in the order they were ordered;
// a fault is used up after `times` requests. Requests to this program's own admin paths are never touched.

import { isJsonObject } from './reply.ts';

export const faultKinds = ['status', 'drop-before', 'drop-after-accept', 'delay', 'throttle'] as const;
export type FaultKind = (typeof faultKinds)[number];

export type Fault = {
  readonly match: { readonly method?: string; readonly pathContains?: string; readonly operation?: string };
  /** How many requests it hits. */
  readonly times: number;
  /** How many matching requests it lets through first. */
  readonly skip: number;
  readonly kind: FaultKind;
  /** For `status`. */
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
  /** For `status`: sent as it is instead of an API-shaped error. */
  readonly body: unknown;
  /** For `delay`: the request takes effect on arrival, its answer is held this long. */
  readonly delayMs: number;
};

type Ordered = { readonly fault: Fault; seen: number; hit: number };

const keys = ['match', 'times', 'skip', 'kind', 'status', 'retryAfterSeconds', 'body', 'delayMs'];

const wholeNumber = (value: unknown, least: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= least;

/** The fault, or what is wrong with the order. */
export const parseFault = (value: unknown): Fault | string => {
  if (!isJsonObject(value)) return 'expected an object';
  const unknownKey = Object.keys(value).find((key) => !keys.includes(key));
  if (unknownKey !== undefined) return `unknown field '${unknownKey}'; expected ${keys.join(', ')}`;
  const kind = faultKinds.find((candidate) => candidate === value['kind']);
  if (kind === undefined) return `kind: expected one of ${faultKinds.join(', ')}`;
  const match = value['match'] ?? {};
  if (!isJsonObject(match)) return 'match: expected an object';
  for (const [key, wanted] of Object.entries(match)) {
    if (!['method', 'pathContains', 'operation'].includes(key)) return `match.${key}: unknown field`;
    if (typeof wanted !== 'string') return `match.${key}: expected a string`;
  }
  const { times = 1, skip = 0, status = 500, delayMs = 0, retryAfterSeconds, body } = value;
  if (!wholeNumber(times, 1)) return 'times: expected a whole number, at least 1';
  if (!wholeNumber(skip, 0)) return 'skip: expected a whole number, at least 0';
  if (!wholeNumber(status, 200) || status > 599) return 'status: expected 200 to 599';
  if (!wholeNumber(delayMs, 0)) return 'delayMs: expected a whole number, at least 0';
  if (retryAfterSeconds !== undefined && !wholeNumber(retryAfterSeconds, 0)) {
    return 'retryAfterSeconds: expected a whole number, at least 0';
  }
  return { match: match as Fault['match'], times, skip, kind, status, delayMs, retryAfterSeconds, body };
};

export class FaultTable {
  readonly #ordered: Ordered[] = [];

  add(fault: Fault): void {
    this.#ordered.push({ fault, seen: 0, hit: 0 });
  }

  clear(): void {
    this.#ordered.length = 0;
  }

  list(): readonly (Fault & { readonly hit: number; readonly left: number })[] {
    return this.#ordered.map(({ fault, hit }) => ({ ...fault, hit, left: fault.times - hit }));
  }

  /** The fault this request meets, if any; counts it. */
  take(method: string, path: string, operation: string): Fault | undefined {
    const matching = this.#ordered.filter(
      ({ fault, hit }) =>
        hit < fault.times &&
        (fault.match.method === undefined || fault.match.method.toUpperCase() === method) &&
        (fault.match.operation === undefined || fault.match.operation === operation) &&
        (fault.match.pathContains === undefined || path.toLowerCase().includes(fault.match.pathContains.toLowerCase())),
    );
    for (const ordered of matching) {
      ordered.seen += 1;
      if (ordered.seen <= ordered.fault.skip) continue;
      ordered.hit += 1;
      return ordered.fault;
    }
    return undefined;
  }
}
