// A plain HTTP client of the stand-in for its tests: one call per request, with every header in the test's hands. It owns a
// clock that tests move, so that no test waits for a run to end.

import assert from 'node:assert/strict';
import { defaultOptions, type StandInOptions } from '../../../../src/stand-ins/azure-data-factory/options.ts';
import { startStandIn, type StandIn } from '../../../../src/stand-ins/azure-data-factory/server.ts';

/** Every field of an answer that these tests look at; assertions, not this type, say which of them are really there. */
export type Wire = {
  readonly value: readonly Wire[];
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly failureType: string;
    readonly target: string;
  };
  readonly error_codes: readonly number[];
  readonly input: { readonly source: { readonly type: string } };
  readonly output: Readonly<Record<string, unknown>>;
  readonly invokedBy: { readonly name: string };
  readonly createRun: Readonly<
    Record<'received' | 'accepted' | 'byPipeline' | 'byCorrelation' | 'duplicates', unknown>
  >;
  readonly status: unknown;
} & Readonly<
  Record<
    | 'access_token'
    | 'token_type'
    | 'error_description'
    | 'timestamp'
    | 'runId'
    | 'runGroupId'
    | 'runStart'
    | 'runEnd'
    | 'lastUpdated'
    | 'message'
    | 'activityName'
    | 'activityType'
    | 'activityRunId'
    | 'activityRunEnd'
    | 'pipelineRunId'
    | 'linkedServiceName'
    | 'id'
    | 'name'
    | 'type'
    | 'etag'
    | 'nextLink'
    | 'continuationToken'
    | 'kind'
    | 'requestId'
    | 'clientRequestId'
    | 'outcome',
    string
  >
> &
  Readonly<Record<'expires_in' | 'durationInMs' | 'isLatest' | 'parameters' | 'properties', unknown>>;

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Wire };

export const request = async (url: string, init: RequestInit = {}): Promise<Answer> => {
  const response = await fetch(url, { ...init, signal: init.signal ?? AbortSignal.timeout(10_000) });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : text) as Wire };
};

export const tokenForm = (changes: Readonly<Record<string, string | undefined>> = {}): URLSearchParams => {
  const fields = {
    grant_type: 'client_credentials',
    client_id: defaultOptions.clientId,
    client_secret: defaultOptions.clientSecret,
    scope: 'https://management.azure.com/.default',
    ...changes,
  };
  const given = Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined);
  return new URLSearchParams(given);
};

export class Client {
  readonly standIn: StandIn;
  readonly clock: { nowMs: number };
  token = '';

  constructor(standIn: StandIn, clock: { nowMs: number }) {
    this.standIn = standIn;
    this.clock = clock;
  }

  readonly factoryPath =
    `/subscriptions/${defaultOptions.subscriptionId}/resourceGroups/Engineering` +
    '/providers/Microsoft.DataFactory/factories/datafactoryoz3un3trdpaa';

  requestToken(
    changes: Readonly<Record<string, string | undefined>> = {},
    tenant = defaultOptions.tenantId,
  ): Promise<Answer> {
    return request(`${this.standIn.loginUrl}/${tenant}/oauth2/v2.0/token`, {
      method: 'POST',
      body: tokenForm(changes),
    });
  }

  async signIn(): Promise<void> {
    const answer = await this.requestToken();
    assert.equal(answer.status, 200);
    this.token = answer.body.access_token;
  }

  /** A call below the factory, with api-version and token unless the test changes them. */
  call(method: string, path: string, body?: unknown, query: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.raw(
      method,
      `${this.factoryPath}${path}?${new URLSearchParams({ 'api-version': '2018-06-01', ...query })}`,
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } },
    );
  }

  raw(method: string, pathAndQuery: string, init: RequestInit = {}): Promise<Answer> {
    const headers = { authorization: `Bearer ${this.token}`, ...(init.headers as Record<string, string> | undefined) };
    return request(`${this.standIn.url}${pathAndQuery}`, { ...init, method, headers });
  }

  admin(method: string, name: string, body?: unknown): Promise<Answer> {
    return request(`${this.standIn.adminUrl}/${name}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
  }

  async createRun(pipeline = 'ArmtemplateSampleCopyPipeline', body?: unknown, query = {}): Promise<string> {
    const answer = await this.call('POST', `/pipelines/${pipeline}/createRun`, body, query);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body.runId;
  }

  async status(runId: string): Promise<unknown> {
    return (await this.call('GET', `/pipelineruns/${runId}`)).body.status;
  }

  async violationKinds(): Promise<readonly string[]> {
    return (await this.admin('GET', 'violations')).body.value.map((violation) => violation.kind);
  }
}

/** A signed-in client of a fresh stand-in whose clock stands still until the test moves `clock.nowMs`. */
export const startClient = async (
  closeAfter: { after(callback: () => Promise<void>): void },
  options: Partial<StandInOptions> = {},
): Promise<Client> => {
  const clock = { nowMs: Date.parse('2026-03-01T10:00:00.000Z') };
  const standIn = await startStandIn({ now: () => clock.nowMs, ...options });
  closeAfter.after(() => standIn.close());
  const client = new Client(standIn, clock);
  await client.signIn();
  return client;
};

/** The list's element at that place, which must be there. */
export const at = <T>(list: readonly T[], index: number): T => {
  const element = list[index];
  assert.ok(element !== undefined, `expected an element at ${index} of ${list.length}`);
  return element;
};
