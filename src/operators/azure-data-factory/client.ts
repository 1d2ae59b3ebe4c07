// The part of the Data Factory REST API (2018-06-01) that the operator needs. Errors become Faults: 429 and 503 with the server's own
// Retry-After, 5xx and silence to be tried again, everything else terminal with the API's code and message.

import { Fault, isJsonObject, type JsonObject, type JsonValue } from '../../sdk/index.ts';
import { armError, call, type HttpReply } from './http.ts';
import type { Identity } from './identity.ts';
import type { AdfSettings } from './settings.ts';

const API_VERSION = '2018-06-01';
const MAX_PAGES = 20;

export type Factory = { readonly resourceGroupName: string; readonly factoryName: string };
export type CallContext = { readonly signal: AbortSignal; readonly traceparent?: string; readonly requestId?: string };

export type CreateRun = {
  readonly pipelineName: string;
  readonly parameters?: JsonObject;
  readonly referencePipelineRunId?: string;
  readonly startActivityName?: string;
  readonly startFromFailure?: boolean;
};

/** Filter of queryPipelineRuns: runs of one pipeline that were updated within a time. */
export type RunQuery = {
  readonly pipelineName: string;
  readonly lastUpdatedAfter: string;
  readonly lastUpdatedBefore: string;
};

export type DataFactory = ReturnType<typeof createDataFactory>;

const faultOf = (reply: HttpReply, what: string): Fault => {
  const { code, message } = armError(reply.body);
  const { status, retryAfterMs } = reply;
  const text = `${what}: ${status} ${code}: ${message}`;
  const details = { status, apiCode: code };
  if (status === 429 || status >= 500) {
    return new Fault('COMPONENT_RETRYABLE', text, {
      retry: retryAfterMs === undefined ? 'later' : { afterMs: retryAfterMs },
      details,
    });
  }
  return new Fault('COMPONENT_TERMINAL', text, { retry: 'never', details });
};

export const createDataFactory = (settings: AdfSettings, identity: Identity) => {
  const base = settings.managementUrl.replace(/\/$/, '');

  const send = async (
    method: 'GET' | 'POST',
    factory: Factory,
    path: string,
    context: CallContext,
    options: { readonly query?: Readonly<Record<string, string>>; readonly body?: JsonValue } = {},
  ): Promise<JsonValue | undefined> => {
    const scope = [
      'subscriptions',
      settings.subscriptionId,
      'resourceGroups',
      factory.resourceGroupName,
      'providers',
      'Microsoft.DataFactory',
      'factories',
      factory.factoryName,
    ].map(encodeURIComponent);
    const query = new URLSearchParams({ 'api-version': API_VERSION, ...options.query });
    const url = `${base}/${scope.join('/')}${path}?${query.toString()}`;
    for (let tries = 1; ; tries += 1) {
      const token = await identity.token(context.signal);
      const reply = await call({
        method,
        url,
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json',
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(context.requestId === undefined ? {} : { 'x-ms-client-request-id': context.requestId }),
          ...(context.traceparent === undefined ? {} : { traceparent: context.traceparent }),
        },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        signal: context.signal,
      });
      if (reply.status >= 200 && reply.status < 300) return reply.body;
      if (reply.status === 401) identity.discard(token);
      if (reply.status !== 401 || tries > 1) throw faultOf(reply, `${method} ${path}`);
    }
  };

  const pages = async (
    factory: Factory,
    path: string,
    filter: JsonObject,
    context: CallContext,
  ): Promise<readonly JsonObject[]> => {
    const found: JsonObject[] = [];
    let continuationToken: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const body = { ...filter, ...(continuationToken === undefined ? {} : { continuationToken }) };
      const answer = await send('POST', factory, path, context, { body });
      if (!isJsonObject(answer)) break;
      const { value, continuationToken: next } = answer;
      if (Array.isArray(value)) found.push(...value.filter(isJsonObject));
      if (typeof next !== 'string' || next === '') break;
      continuationToken = next;
    }
    return found;
  };

  return {
    /** Starts a run; its id. There is no idempotency key: a repeated call starts a second run. */
    createRun: async (factory: Factory, run: CreateRun, context: CallContext): Promise<string> => {
      const query: Record<string, string> = {};
      if (run.referencePipelineRunId !== undefined) query['referencePipelineRunId'] = run.referencePipelineRunId;
      if (run.startActivityName !== undefined) query['startActivityName'] = run.startActivityName;
      if (run.startFromFailure !== undefined) query['startFromFailure'] = String(run.startFromFailure);
      // The start options act in recovery mode only, and that needs a run to recover.
      const isRecovery =
        run.referencePipelineRunId !== undefined &&
        (run.startActivityName !== undefined || run.startFromFailure === true);
      if (isRecovery) query['isRecovery'] = 'true';
      const path = `/pipelines/${encodeURIComponent(run.pipelineName)}/createRun`;
      const answer = await send('POST', factory, path, context, { query, body: run.parameters ?? {} });
      const runId = isJsonObject(answer) ? answer['runId'] : undefined;
      if (typeof runId === 'string') return runId;
      throw new Fault('COMPONENT_RETRYABLE', `POST ${path}: the answer had no runId`, {
        details: { isAmbiguous: true },
      });
    },

    getRun: async (factory: Factory, runId: string, context: CallContext): Promise<JsonObject> => {
      const answer = await send('GET', factory, `/pipelineruns/${encodeURIComponent(runId)}`, context);
      if (isJsonObject(answer)) return answer;
      throw new Fault('COMPONENT_RETRYABLE', `run ${runId}: the answer is not an object`);
    },

    cancelRun: async (factory: Factory, runId: string, context: CallContext): Promise<void> => {
      await send('POST', factory, `/pipelineruns/${encodeURIComponent(runId)}/cancel`, context, {
        query: { isRecursive: 'true' },
      });
    },

    activityRuns: (
      factory: Factory,
      runId: string,
      updated: Omit<RunQuery, 'pipelineName'>,
      context: CallContext,
    ): Promise<readonly JsonObject[]> =>
      pages(factory, `/pipelineruns/${encodeURIComponent(runId)}/queryActivityruns`, updated, context),

    pipelineRuns: (factory: Factory, query: RunQuery, context: CallContext): Promise<readonly JsonObject[]> => {
      const { pipelineName, ...updated } = query;
      const filters = [{ operand: 'PipelineName', operator: 'Equals', values: [pipelineName] }];
      const orderBy = [{ orderBy: 'RunStart', order: 'ASC' }];
      return pages(factory, '/queryPipelineRuns', { ...updated, filters, orderBy }, context);
    },
  };
};
