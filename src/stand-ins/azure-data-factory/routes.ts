// The part of the published API that exists here: each operation with its method, path, throttling class, query parameters
// and whether it takes a body. Constant path segments are compared without regard to case, as Resource Manager does.

import type { RequestClass } from './options.ts';

export type OperationName =
  | 'Factories_Get'
  | 'Pipelines_ListByFactory'
  | 'Pipelines_Get'
  | 'Pipelines_CreateOrUpdate'
  | 'Pipelines_Delete'
  | 'Pipelines_CreateRun'
  | 'PipelineRuns_Get'
  | 'PipelineRuns_Cancel'
  | 'PipelineRuns_QueryByFactory'
  | 'ActivityRuns_QueryByPipelineRun';

export type Operation = {
  readonly name: OperationName;
  readonly method: string;
  readonly path: readonly string[];
  readonly requestClass: RequestClass;
  readonly query: Readonly<Record<string, 'string' | 'boolean'>>;
  readonly body: 'none' | 'optional' | 'required';
};

const operation = (
  name: OperationName,
  method: string,
  path: string,
  requestClass: RequestClass,
  body: Operation['body'] = 'none',
  query: Operation['query'] = {},
): Operation => ({ name, method, path: path === '' ? [] : path.split('/'), requestClass, query, body });

/** Paths below the factory. The query for pipeline runs is a POST that counts as a read, as the published example shows. */
const operations: readonly Operation[] = [
  operation('Factories_Get', 'GET', '', 'reads'),
  operation('Pipelines_ListByFactory', 'GET', 'pipelines', 'reads', 'none', { $skipToken: 'string' }),
  operation('Pipelines_Get', 'GET', 'pipelines/:pipelineName', 'reads'),
  operation('Pipelines_CreateOrUpdate', 'PUT', 'pipelines/:pipelineName', 'writes', 'required'),
  operation('Pipelines_Delete', 'DELETE', 'pipelines/:pipelineName', 'deletes'),
  operation('Pipelines_CreateRun', 'POST', 'pipelines/:pipelineName/createRun', 'writes', 'optional', {
    referencePipelineRunId: 'string',
    isRecovery: 'boolean',
    startActivityName: 'string',
    startFromFailure: 'boolean',
  }),
  operation('PipelineRuns_Get', 'GET', 'pipelineruns/:runId', 'reads'),
  operation('PipelineRuns_Cancel', 'POST', 'pipelineruns/:runId/cancel', 'writes', 'none', { isRecursive: 'boolean' }),
  operation('ActivityRuns_QueryByPipelineRun', 'POST', 'pipelineruns/:runId/queryActivityruns', 'writes', 'required'),
  operation('PipelineRuns_QueryByFactory', 'POST', 'queryPipelineRuns', 'reads', 'required'),
];

export type Address = {
  readonly subscriptionId: string;
  readonly resourceGroupName: string;
  readonly provider: string;
  readonly factoryName: string;
  readonly pipelineName: string;
  readonly runId: string;
};

export type RouteMatch =
  | { readonly kind: 'operation'; readonly operation: Operation; readonly address: Address }
  | { readonly kind: 'method'; readonly allowed: readonly string[]; readonly address: Address }
  | { readonly kind: 'none' };

const prefix = [
  'subscriptions',
  ':subscriptionId',
  'resourceGroups',
  ':resourceGroupName',
  'providers',
  ':provider',
  'factories',
  ':factoryName',
];

const decodeSegments = (pathname: string): readonly string[] | undefined => {
  try {
    return pathname.slice(1).split('/').map(decodeURIComponent);
  } catch {
    return undefined;
  }
};

const matchSegments = (
  pattern: readonly string[],
  segments: readonly string[],
): ReadonlyMap<string, string> | undefined => {
  if (pattern.length !== segments.length) return undefined;
  const found = new Map<string, string>();
  for (const [index, wanted] of pattern.entries()) {
    const segment = segments[index] ?? '';
    if (wanted.startsWith(':')) {
      if (segment === '') return undefined;
      found.set(wanted.slice(1), segment);
    } else if (wanted.toLowerCase() !== segment.toLowerCase()) {
      return undefined;
    }
  }
  return found;
};

const addressOf = (found: ReadonlyMap<string, string>): Address => ({
  subscriptionId: found.get('subscriptionId') ?? '',
  resourceGroupName: found.get('resourceGroupName') ?? '',
  provider: found.get('provider') ?? '',
  factoryName: found.get('factoryName') ?? '',
  pipelineName: found.get('pipelineName') ?? '',
  runId: found.get('runId') ?? '',
});

export const matchRoute = (method: string, pathname: string): RouteMatch => {
  const segments = decodeSegments(pathname);
  if (segments === undefined) return { kind: 'none' };
  const candidates = operations.flatMap((candidate) => {
    const found = matchSegments([...prefix, ...candidate.path], segments);
    return found === undefined ? [] : [{ operation: candidate, address: addressOf(found) }];
  });
  const first = candidates[0];
  if (first === undefined) return { kind: 'none' };
  const match = candidates.find((candidate) => candidate.operation.method === method);
  if (match !== undefined) return { kind: 'operation', ...match };
  return { kind: 'method', allowed: candidates.map((candidate) => candidate.operation.method), address: first.address };
};
