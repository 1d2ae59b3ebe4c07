// What each operation does, once the gate (arm.ts) has let the request through: names resolved, query and body read.

import { activityRows } from './activities.ts';
import { ok, pipelineOf, type Call, type Handler } from './call.ts';
import { createRun } from './create-run.ts';
import { badRequest, isJsonObject, refuse, type JsonObject, type Refusal } from './errors.ts';
import { defaultBehaviour, definePipeline, factoryId, pipelineView } from './pipelines.ts';
import type { OperationName } from './routes.ts';
import { activityRunSubject, answerQuery, pipelineRunSubject, type Row } from './run-filter.ts';
import type { Run } from './runs.ts';
import { azureTimestamp } from './timestamps.ts';

const runOf = ({ world, factory, address }: Call): Run => {
  const run = world.runs.get(factory.name, address.runId);
  if (run !== undefined) return run;
  const text = `The pipeline run '${address.runId}' was not found in factory '${factory.name}'.`;
  throw refuse(404, 'PipelineRunNotFound', text, { target: `PipelineRun/${address.runId}` });
};

const cancel: Handler = (call) => {
  const finished = call.world.runs.cancel(runOf(call));
  if (finished === undefined || call.world.options.finishedCancel === 'ignore') return { status: 200 };
  const text =
    `Pipeline run has already completed with status '${finished}'.` +
    'Only pipeline runs that are in progress or queued can be canceled.';
  throw refuse(400, 'PipelineRunNotRunning', text, { target: `PipelineRun/${call.address.runId}` });
};

// Most of ten thousand runs are in no page that is asked for: what a row shows is made when it is looked at.
const runRow = (call: Call, run: Run): Row => {
  let made: JsonObject | undefined;
  const view = (): JsonObject => (made ??= call.world.runs.view(run));
  const field = (name: string): string | null => {
    const value = view()[name];
    return typeof value === 'string' ? value : null;
  };
  return {
    get fields() {
      return {
        PipelineName: run.pipelineName,
        Status: field('status'),
        RunStart: field('runStart'),
        RunEnd: field('runEnd'),
        RunGroupId: run.runGroupId,
        LatestOnly: String(call.world.runs.isLatest(run)),
      };
    },
    lastUpdatedMs: call.world.runs.progress(run).lastUpdatedMs,
    get view() {
      return view();
    },
  };
};

const queryPipelineRuns: Handler = (call) => {
  const rows = call.world.runs.all(call.factory.name).map((run) => runRow(call, run));
  return ok(answerQuery(pipelineRunSubject, call.body, rows, call.world.options.pageSize));
};

const queryActivityRuns: Handler = (call) => {
  const rows = activityRows(runOf(call), call.world.runs.nowMs());
  return ok(answerQuery(activityRunSubject, call.body, rows, call.world.options.pageSize));
};

const putPipeline: Handler = (call) => {
  const { world, factory, address, body } = call;
  if (!isJsonObject(body) || !isJsonObject(body['properties'])) {
    throw badRequest(
      'InvalidRequestContent',
      "The request content must be an object with 'properties'.",
      'body-invalid',
    );
  }
  const key = address.pipelineName.toLowerCase();
  const previous = factory.pipelines.get(key);
  if (call.ifMatch !== undefined && (previous === undefined || !sameTag(call.ifMatch, previous.etag))) {
    throw preconditionFailed(call);
  }
  const behaviour = previous?.behaviour ?? defaultBehaviour(world.options);
  const pipeline = definePipeline(address.pipelineName, body['properties'], behaviour, previous);
  factory.pipelines.set(key, pipeline);
  return ok(pipelineView(world.options.subscriptionId, factory, pipeline));
};

const sameTag = (header: string, etag: string): boolean => header === '*' || header.replaceAll('"', '') === etag;

const preconditionFailed = ({ address }: Call): Refusal =>
  refuse(412, 'PreconditionFailed', `The ETag sent for pipeline '${address.pipelineName}' is not its current one.`);

const getPipeline: Handler = (call) => {
  const pipeline = pipelineOf(call);
  if (call.ifNoneMatch !== undefined && sameTag(call.ifNoneMatch, pipeline.etag)) return { status: 304 };
  return ok(pipelineView(call.world.options.subscriptionId, call.factory, pipeline));
};

const deletePipeline: Handler = ({ factory, address }) => ({
  status: factory.pipelines.delete(address.pipelineName.toLowerCase()) ? 200 : 204,
});

const listPipelines: Handler = ({ world, factory, query, baseUrl }) => {
  const { subscriptionId, pageSize } = world.options;
  const skip = query.get('$skipToken') ?? '0';
  if (!/^\d{1,9}$/.test(skip))
    throw badRequest('BadRequest', "'$skipToken' is not one that this list returned.", 'query-invalid');
  const pipelines = [...factory.pipelines.values()];
  const end = Number(skip) + pageSize;
  const nextLink = `${baseUrl}${factoryId(subscriptionId, factory)}/pipelines?api-version=2018-06-01&%24skipToken=${end}`;
  return ok({
    value: pipelines.slice(Number(skip), end).map((pipeline) => pipelineView(subscriptionId, factory, pipeline)),
    ...(end < pipelines.length ? { nextLink } : {}),
  });
};

const getFactory: Handler = ({ world, factory }) => {
  const body: JsonObject = {
    name: factory.name,
    id: factoryId(world.options.subscriptionId, factory),
    type: 'Microsoft.DataFactory/factories',
    properties: {
      provisioningState: 'Succeeded',
      createTime: azureTimestamp(factory.createdAtMs),
      version: '2018-06-01',
    },
    location: 'eastus',
    tags: {},
  };
  return ok(body);
};

export const handlers: Readonly<Record<OperationName, Handler>> = {
  Factories_Get: getFactory,
  Pipelines_ListByFactory: listPipelines,
  Pipelines_Get: getPipeline,
  Pipelines_CreateOrUpdate: putPipeline,
  Pipelines_Delete: deletePipeline,
  Pipelines_CreateRun: createRun,
  PipelineRuns_Get: (call) => ok(call.world.runs.view(runOf(call))),
  PipelineRuns_Cancel: cancel,
  PipelineRuns_QueryByFactory: queryPipelineRuns,
  ActivityRuns_QueryByPipelineRun: queryActivityRuns,
};
