// Resource Manager's token buckets per subscription: one each for reads, writes and deletes. Filled by elapsed time when
// asked, never by a timer. An empty bucket is a 429 whose Retry-After is the whole seconds until the next request fits.

import { armError, type Reply } from './errors.ts';
import type { BucketLimits, RequestClass } from './options.ts';

type Bucket = { level: number; filledAtMs: number };

export type Admission = { readonly remaining: number; readonly refusal?: Reply };

export const remainingHeader = (requestClass: RequestClass): string =>
  `x-ms-ratelimit-remaining-subscription-${requestClass}`;

export const throttledReply = (subscriptionId: string, retryAfterSeconds: number): Reply =>
  armError(
    429,
    'SubscriptionRequestsThrottled',
    `Number of requests for subscription '${subscriptionId}' exceeded the limit. Please try again after ` +
      `'${retryAfterSeconds}' seconds.`,
    { headers: { 'retry-after': String(retryAfterSeconds) } },
  );

export class Throttle {
  readonly #limits: Readonly<Record<RequestClass, BucketLimits>>;
  readonly #subscriptionId: string;
  readonly #now: () => number;
  readonly #buckets: Readonly<Record<RequestClass, Bucket>>;

  constructor(limits: Readonly<Record<RequestClass, BucketLimits>>, subscriptionId: string, now: () => number) {
    this.#limits = limits;
    this.#subscriptionId = subscriptionId;
    this.#now = now;
    const full = (requestClass: RequestClass): Bucket => ({ level: limits[requestClass].burst, filledAtMs: now() });
    this.#buckets = { reads: full('reads'), writes: full('writes'), deletes: full('deletes') };
  }

  /** Takes one request out of the bucket, or says how long until one fits. */
  admit(requestClass: RequestClass): Admission {
    const bucket = this.#buckets[requestClass];
    const { burst, refillPerSecond } = this.#limits[requestClass];
    const nowMs = this.#now();
    const gained = (Math.max(0, nowMs - bucket.filledAtMs) / 1_000) * refillPerSecond;
    bucket.level = Math.min(burst, bucket.level + gained);
    bucket.filledAtMs = nowMs;
    if (bucket.level >= 1) {
      bucket.level -= 1;
      return { remaining: Math.floor(bucket.level) };
    }
    const retryAfterSeconds = Math.max(1, Math.ceil((1 - bucket.level) / refillPerSecond));
    return { remaining: 0, refusal: throttledReply(this.#subscriptionId, retryAfterSeconds) };
  }
}
