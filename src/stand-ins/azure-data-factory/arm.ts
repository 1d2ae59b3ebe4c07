// The gate that every management request passes, in the order Resource Manager checks: api-version there, bearer token,
// subscription, path, api-version known, throttling, query, names, resource group, factory, body. Then the operation.
// Unknown query parameters are refused here although the real service lets most of them pass: this program is for finding
// out what a client sends.

import type { IncomingHttpHeaders } from 'node:http';
import { badRequest, Refusal, refuse, type Reply, type Violation } from './errors.ts';
import { handlers } from './operations.ts';
import type { RequestClass } from './options.ts';
import { pipelineNamePattern, type Factory } from './pipelines.ts';
import type { Address, Operation, RouteMatch } from './routes.ts';
import { remainingHeader } from './throttle.ts';
import type { World } from './world.ts';

export type ArmRequest = {
  readonly match: RouteMatch;
  readonly method: string;
  readonly path: string;
  readonly searchParams: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly bodyText: string;
  readonly baseUrl: string;
  readonly note: (violation: Violation) => void;
  readonly accepted: (runId: string) => void;
};

export const mediaTypeOf = (headers: IncomingHttpHeaders): string =>
  (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';

export const headerText = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

const apiVersion = '2018-06-01';
const uuidPattern = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const resourceGroupPattern = /^[-\w._()]{1,90}$/;
const factoryNamePattern = /^[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*$/;

/** Query names are compared without regard to case, as at the API; the value is under the name as sent. */
const queryValues = (searchParams: URLSearchParams, name: string): readonly string[] =>
  [...searchParams].filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);

const checkSubscription = (world: World, subscriptionId: string): void => {
  if (subscriptionId.toLowerCase() === world.options.subscriptionId.toLowerCase()) return;
  if (!uuidPattern.test(subscriptionId)) {
    const text = `The provided subscription identifier '${subscriptionId}' is malformed or invalid.`;
    throw badRequest('InvalidSubscriptionId', text, 'name-invalid');
  }
  throw refuse(404, 'SubscriptionNotFound', `The subscription '${subscriptionId}' could not be found.`);
};

const checkRoute = (
  world: World,
  request: ArmRequest,
): { readonly operation: Operation; readonly address: Address } => {
  const { match } = request;
  if (match.kind === 'none') {
    const text = `The path '${request.path}' is none of the operations of Microsoft.DataFactory that exist here.`;
    throw refuse(404, 'InvalidResourceType', text, { violation: 'path-unknown' });
  }
  checkSubscription(world, match.address.subscriptionId);
  if (match.address.provider.toLowerCase() !== 'microsoft.datafactory') {
    const text = `The resource namespace '${match.address.provider}' is invalid.`;
    throw refuse(404, 'InvalidResourceNamespace', text, { violation: 'path-unknown' });
  }
  if (match.kind === 'operation') return match;
  const allow = match.allowed.join(', ');
  throw refuse(405, 'MethodNotAllowed', `${request.method} is not allowed here; allowed: ${allow}.`, {
    headers: { allow },
    violation: 'method-not-allowed',
  });
};

const readQuery = (operation: Operation, searchParams: URLSearchParams): ReadonlyMap<string, string> => {
  const declared = new Map(Object.entries({ 'api-version': 'string', ...operation.query }));
  const byLowerCase = new Map([...declared.keys()].map((name) => [name.toLowerCase(), name]));
  const query = new Map<string, string>();
  for (const [sent, value] of searchParams) {
    const name = byLowerCase.get(sent.toLowerCase());
    if (name === undefined) {
      const text = `The query parameter '${sent}' is not one of ${operation.name}: ${[...declared.keys()].join(', ')}.`;
      throw badRequest('InvalidQueryParameter', text, 'query-invalid', sent);
    }
    if (query.has(name)) throw badRequest('InvalidQueryParameter', `'${sent}' is given twice.`, 'query-invalid', sent);
    if (declared.get(name) === 'boolean' && !/^(true|false)$/i.test(value)) {
      throw badRequest(
        'InvalidQueryParameter',
        `'${sent}' must be true or false, found '${value}'.`,
        'query-invalid',
        sent,
      );
    }
    query.set(name, value);
  }
  return query;
};

const checkName = (what: string, value: string, pattern: RegExp, least: number, most: number): void => {
  if (value.length >= least && value.length <= most && pattern.test(value)) return;
  const text = `The ${what} '${value}' must have ${least} to ${most} characters and match ${pattern.source}.`;
  throw badRequest('InvalidParameter', text, 'name-invalid', what);
};

const findFactory = (world: World, address: Address): Factory => {
  checkName('resourceGroupName', address.resourceGroupName, resourceGroupPattern, 1, 90);
  checkName('factoryName', address.factoryName, factoryNamePattern, 3, 63);
  if (address.pipelineName !== '') checkName('pipelineName', address.pipelineName, pipelineNamePattern, 1, 260);
  const groupName = address.resourceGroupName.toLowerCase();
  const group = world.factories.filter((factory) => factory.resourceGroup.toLowerCase() === groupName);
  if (group.length === 0) {
    throw refuse(404, 'ResourceGroupNotFound', `Resource group '${address.resourceGroupName}' could not be found.`);
  }
  const factory = group.find((candidate) => candidate.name.toLowerCase() === address.factoryName.toLowerCase());
  if (factory !== undefined) return factory;
  const text =
    `The Resource 'Microsoft.DataFactory/factories/${address.factoryName}' under resource group ` +
    `'${address.resourceGroupName}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`;
  throw refuse(404, 'ResourceNotFound', text);
};

const readBody = (operation: Operation, request: ArmRequest): unknown => {
  const { bodyText } = request;
  if (bodyText === '') {
    if (operation.body !== 'required') return undefined;
    throw badRequest('InvalidRequestContent', `${operation.name} needs a JSON body; none was sent.`, 'body-invalid');
  }
  if (operation.body === 'none') {
    request.note({ kind: 'body-unexpected', detail: `${operation.name} takes no body` });
    return undefined;
  }
  const mediaType = mediaTypeOf(request.headers);
  if (mediaType !== 'application/json') {
    const text = `The content media type '${mediaType}' is not supported. Only 'application/json' is supported.`;
    throw refuse(415, 'UnsupportedMediaType', text, { violation: 'content-type-wrong' });
  }
  try {
    return JSON.parse(bodyText) as unknown;
  } catch {
    const text = 'The request content was invalid and could not be deserialized: it is not JSON.';
    throw badRequest('InvalidRequestContent', text, 'json-malformed');
  }
};

type Admitted = { readonly operation: Operation; readonly address: Address; readonly requestClass: RequestClass };

const admit = (world: World, request: ArmRequest, loginUrl: string): Admitted => {
  const versions = queryValues(request.searchParams, 'api-version');
  if (versions.length === 0 || versions[0] === '') {
    const text = 'The api-version query parameter (?api-version=) is required for all requests.';
    throw badRequest('MissingApiVersionParameter', text, 'api-version-wrong');
  }
  const unauthorized = world.tokens.refusalFor(request.headers.authorization, loginUrl);
  if (unauthorized !== undefined) throw new Refusal(unauthorized, 'unauthorized');
  const { operation, address } = checkRoute(world, request);
  if (versions[0] !== apiVersion) {
    const text = `The api-version '${versions[0]}' is invalid. The supported versions are '${apiVersion}'.`;
    throw badRequest('InvalidApiVersionParameter', text, 'api-version-wrong');
  }
  return { operation, address, requestClass: operation.requestClass };
};

const perform = (world: World, request: ArmRequest, { operation, address }: Admitted): Reply => {
  const query = readQuery(operation, request.searchParams);
  const factory = findFactory(world, address);
  return handlers[operation.name]({
    world,
    factory,
    address,
    query,
    body: readBody(operation, request),
    ifMatch: headerText(request.headers, 'if-match'),
    ifNoneMatch: headerText(request.headers, 'if-none-match'),
    clientRequestId: headerText(request.headers, 'x-ms-client-request-id'),
    baseUrl: request.baseUrl,
    note: request.note,
    accepted: request.accepted,
  });
};

/** Runs a step; a refusal becomes its reply, and its violation is noted. Anything else thrown is a bug and passes on. */
const settled = <T>(request: ArmRequest, step: () => T): T | Refusal => {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.violation !== undefined) request.note(error.violation);
    return error;
  }
};

export const answerArm = (world: World, request: ArmRequest, loginUrl: string): Reply => {
  const admitted = settled(request, () => admit(world, request, loginUrl));
  if (admitted instanceof Refusal) return admitted.reply;
  const { remaining, refusal } = world.throttle.admit(admitted.requestClass);
  const performed = refusal ?? settled(request, () => perform(world, request, admitted));
  const reply = performed instanceof Refusal ? performed.reply : performed;
  return { ...reply, headers: { ...reply.headers, [remainingHeader(admitted.requestClass)]: String(remaining) } };
};
