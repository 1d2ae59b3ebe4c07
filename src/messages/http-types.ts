// What an operator's manifest says for the component that needs no code (image `opstream/http`): how things are created, read, updated and
// deleted over REST. Texts may hold `{{ jq }}`; programs are jq. Both see one document, described in the README under "An operator
// without code": `.spec`, `.name`, `.env`, `.externalId`, `.run`, `.response` and so on.

import type { JsonValue } from '../core/json.ts';

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

/** Asked before a request that uses `.let.NAME`; later ones see the earlier. */
export type HttpLookUp = HttpOperation & {
  /** jq on the answer; null is an error. */
  readonly value: string;
};
export type HttpLookUps = Readonly<Record<string, HttpLookUp>>;

/** One request of a change. All programs see what was read as `.response`. */
export type HttpChange = HttpOperation & {
  /** jq: true: the thing differs, also when the resource has not changed. */
  readonly when?: string;
  /** jq: unless it is true, the request is not sent. */
  readonly if?: string;
  /** jq: a list, or a map as `to_entries` has it; the request is sent for each `.item`, which `when` and `if` see too. */
  readonly each?: string;
};

export type HttpObject = {
  readonly let?: HttpLookUps;
  /** `externalId`: jq on the answer. */
  readonly create: HttpOperation & { readonly externalId: string };
  /** 404 and 410 say that it is not there. */
  readonly read: HttpOperation & {
    /** jq: true: it is not there, though the answer is a success. */
    readonly gone?: string;
    /** jq: a word that `statuses` maps; absent: it is there, so it is active. */
    readonly status?: string;
    readonly statuses?: Readonly<Partial<Record<'pending' | 'active' | 'error', readonly string[]>>>;
    readonly message?: string;
    /** jq: an object, synchronized into the status. */
    readonly properties?: string;
  };
  readonly find?: HttpFind;
  /** Sent after each change of the resource, one after the other. */
  readonly update?: HttpChange | readonly HttpChange[];
  /**
   * Absent: the thing outside stays, and the last status says so. After a DELETE, or with a `gone`, it is read until it is gone; `gone`: jq on
   * what is read then. Default: `read.gone`, 404 and 410.
   */
  readonly delete?: HttpOperation & { readonly gone?: string };
  /** Brings back what `read.gone` says is gone, instead of a new one. */
  readonly restore?: HttpOperation;
};

export type HttpRun = {
  readonly let?: HttpLookUps;
  readonly start: HttpOperation & { readonly externalId: string };
  readonly read: HttpOperation & {
    /** jq: true: it is not there, though the answer is a success. */
    readonly gone?: string;
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

/** Requests of one action. Without `read` it has ended when `start` is answered. */
export type HttpAction = Omit<HttpRun, 'start' | 'read'> & {
  readonly start: HttpOperation & { readonly externalId?: string };
  readonly read?: HttpRun['read'];
};

/** Tells errors from bodies, of every answer. All are jq; what gives null says nothing, and the status decides. */
export type HttpErrors = {
  /** true: an answer of 200 to 299 is an error nevertheless. It had no effect. */
  readonly when?: string;
  /** true: what was asked for is not there, as 404 says. */
  readonly gone?: string;
  /** true: tried again later; false: not. Default: by status. */
  readonly temporary?: string;
  /** What is said of it. Default: the first text that looks like a message. */
  readonly text?: string;
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
  /** What is started for a run of that action; for the others, `run`. */
  readonly actions?: Readonly<Record<string, HttpAction>>;
  /** For so long after something was made or started, not to be seen (404) is not gone. Default 1m. */
  readonly settle?: string;
  /** How often what is under way is looked at. Default 5s. */
  readonly pollInterval?: string;
  /** Time for one request. Default 20s. */
  readonly timeout?: string;
  readonly errors?: HttpErrors;
  /** Statuses after which the same is tried again later. Default 408, 409, 423, 425, 500, 502, 503, 504. */
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
