// What an operator's manifest says for the component that needs no code (image `opstream/http`): how things are created, read, updated and
// deleted over REST. Texts may hold `{{ jq }}`; programs are jq. Both see one document, described in the README under "An operator
// without code": `.spec`, `.name`, `.env`, `.externalId`, `.run`, `.response` and so on.

import type { JsonValue } from '../../core/json.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One request. `url` is a path below `baseUrl`; what is put into it is percent-encoded. Query fields that are null are left out. */
export type HttpOperation = {
  readonly method?: HttpMethod;
  readonly url: string;
  readonly query?: Readonly<Record<string, JsonValue>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: JsonValue;
  /** Statuses that are a success beside 200 to 299. */
  readonly accept?: readonly number[];
};

/** Looks for what is there already. All programs see `.response`; `match` and `externalId` also `.item`; `next` also `.page` (from 0). */
export type HttpFind = HttpOperation & {
  /** jq: the list in the answer. */
  readonly items: string;
  /** jq: whether `.item` is the one. */
  readonly match: string;
  readonly externalId: string;
  /** jq: `{query?, body?}` to put over the request for the next page; null when this was the last. */
  readonly next?: string;
};

export type HttpObject = {
  /** `externalId`: jq on the answer. */
  readonly create: HttpOperation & { readonly externalId: string };
  /** A 404 says that it is not there. */
  readonly read: HttpOperation & {
    /** jq: a word that `statuses` maps; absent: it is there, so it is active. */
    readonly status?: string;
    readonly statuses?: Readonly<Partial<Record<'pending' | 'active' | 'error', readonly string[]>>>;
    readonly message?: string;
    /** jq: an object, synchronized into the status. */
    readonly properties?: string;
  };
  readonly find?: HttpFind;
  /** Sent after each change of the resource; `when`: jq on what was read, also when that is true. */
  readonly update?: HttpOperation & { readonly when?: string };
  /** Absent: the thing outside stays, and the last status says so. */
  readonly delete?: HttpOperation;
};

export type HttpRun = {
  readonly start: HttpOperation & { readonly externalId: string };
  readonly read: HttpOperation & {
    /** jq: a word that `states` maps. */
    readonly state: string;
    readonly states: Readonly<
      Partial<Record<'pending' | 'inprogress' | 'succeeded' | 'failed' | 'cancelled', readonly string[]>>
    >;
    readonly message?: string;
    readonly startedAt?: string;
    readonly finishedAt?: string;
    readonly properties?: string;
  };
  /** For a start that was not confirmed. Absent: such a run is not started again, and the status says so. */
  readonly find?: HttpFind;
  /** How long `find` is tried before the run is started again. Default 1m. */
  readonly findFor?: string;
  readonly cancel?: HttpOperation;
};

export type HttpAuth =
  | {
      readonly type: 'oauth2ClientCredentials';
      readonly tokenUrl: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly scope?: string;
    }
  | { readonly type: 'bearer'; readonly token: string }
  | { readonly type: 'basic'; readonly username: string; readonly password: string }
  | { readonly type: 'header'; readonly name: string; readonly value: string };

export type HttpTypeSpec = {
  readonly baseUrl: string;
  readonly auth?: HttpAuth;
  readonly headers?: Readonly<Record<string, string>>;
  /** A thing that is to be there as long as the resource is. */
  readonly object?: HttpObject;
  /** What is started for each wanted run. With `object`: once that is there. */
  readonly run?: HttpRun;
  /** How often what is under way is looked at. Default 5s. */
  readonly pollInterval?: string;
  /** Time for one request. Default 20s. */
  readonly timeout?: string;
  /** Statuses after which the same is tried again later. Default 408, 500, 502, 503, 504. */
  readonly retry?: { readonly statuses?: readonly number[] };
  readonly throttle?: {
    /** Statuses that close the door for all resources until Retry-After is over. Default 429. */
    readonly statuses?: readonly number[];
    /** When there is no Retry-After. Default 5s. */
    readonly pause?: string;
    /** Our own limit: so many requests in that time, over all resources. */
    readonly requests?: number;
    readonly per?: string;
  };
};
