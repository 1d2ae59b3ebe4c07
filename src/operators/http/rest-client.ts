// Operations of the manifest as requests: filled in, authenticated, throttled, judged. What goes wrong is a Fault whose
// `details.outcome` says whether the request can have had an effect. Nothing is tried again here except once with a new token.

import { type Answer } from './answer.ts';
import {
  callHttp,
  createApiClock,
  Fault,
  isFault,
  type Gate,
  type HttpFind,
  type HttpOperation,
  type HttpReply,
  type JsonObject,
  type JsonValue,
} from '../../sdk/index.ts';
import type { Auth, CallContext } from './auth.ts';
import type { Definition } from './definition.ts';
import { findAll, type Found } from './find.ts';
import { createRefusals } from './refusal.ts';
import { createRequests, headerOf, nameOf, type Request } from './request.ts';
import type { Evaluate } from './template.ts';

const FINISH_MS = 5000;

export type RestClient = {
  /**
   * The answer when its status is 200 to 299 or accepted, and it is no error by the manifest's `errors`. `isStarting`: something may be
   * started by it, so its answer is waited for a while when the component stops. Faults: COMPONENT_RETRYABLE, COMPONENT_TERMINAL, with
   * `details.status` and `details.outcome`.
   */
  send(operation: HttpOperation, input: JsonObject, context: CallContext, isStarting?: boolean): Promise<Answer>;
  /** What `send` would send, to be compared. Faults: COMPONENT_TERMINAL. */
  bodyOf(operation: HttpOperation, input: JsonObject): Promise<string | undefined>;
  /** Faults: as `send`, when the door is closed now; nothing is sent. */
  ready(): void;
  /** See find.ts. Faults: as `send`, and when an answer is not what the manifest says. */
  find(
    find: HttpFind,
    input: JsonObject,
    context: CallContext,
    isWanted?: (externalId: string) => boolean,
  ): Promise<readonly Found[]>;
  /** A program on what is known and no answer. Faults: COMPONENT_TERMINAL. */
  valueOn(program: string, input: JsonObject): Promise<JsonValue>;
  /**
   * A program on an answer. Faults: COMPONENT_TERMINAL when it fails, COMPONENT_RETRYABLE when it needs a body that is not JSON, both with
   * `details.outcome` `unknown`.
   */
  read(program: string, input: JsonObject, answer: Answer): Promise<JsonValue>;
};

const isFine = (status: number, { accept = [] }: HttpOperation): boolean =>
  (status >= 200 && status < 300) || accept.includes(status);

/** Whether a program looks at more of the answer than its status and headers. */
const needsBody = (program: string): boolean =>
  /response/.test(program.replaceAll(/\.response\.(?:status|headers)\b/g, ''));

export const createRestClient = (options: {
  readonly definition: Definition;
  readonly evaluate: Evaluate;
  readonly auth: Auth;
  readonly gate: Gate;
  readonly baseUrl: string;
}): RestClient => {
  const { definition, evaluate, auth, gate, baseUrl } = options;
  const { http, timeoutMs } = definition;
  const fill = createRequests({ http, evaluate, baseUrl });
  const refusals = createRefusals(definition, evaluate);
  const clock = createApiClock();

  const withClock = (input: JsonObject): JsonObject => ({ clockOffset: Math.round(clock.offsetMs() / 1000), ...input });

  const attempt = (
    request: Request,
    credentials: Readonly<Record<string, string>>,
    { signal, fetch }: CallContext,
    finishWithinMs: number,
  ): Promise<HttpReply> => {
    const { method, url, headers, body } = request;
    return callHttp({
      ...{ method, url, timeoutMs, finishWithinMs, signal, headers: { ...headers, ...credentials } },
      ...(body === undefined ? {} : { body }),
      ...(fetch === undefined ? {} : { fetch }),
    });
  };

  /** Once, and once more with a new token. */
  const ask = async (
    request: Request,
    operation: HttpOperation,
    context: CallContext,
    finishWithinMs: number,
  ): Promise<HttpReply> => {
    for (let tries = 1; ; tries += 1) {
      gate.pass();
      const given = Object.entries(await auth.headers(context));
      const credentials = Object.fromEntries(given.map(([name, value]) => headerOf(name, value)));
      const reply = await attempt(request, credentials, context, finishWithinMs);
      clock.heard(reply);
      const isRefused = reply.status === 401 && !isFine(reply.status, operation);
      if (!isRefused || tries > 1 || !auth.discard(credentials)) return reply;
    }
  };

  const send: RestClient['send'] = async (operation, input, context, isStarting = false) => {
    const request = await fill(operation, withClock(input));
    const reply = await ask(request, operation, context, isStarting ? FINISH_MS : 0);
    const isAccepted = isFine(reply.status, operation);
    const { status } = reply;
    if (!isAccepted && refusals.isThrottle(status)) gate.close(reply.retryAfterMs ?? definition.pauseMs);
    const what = nameOf(request);
    const fault = await refusals.of(reply, isAccepted, what, input);
    if (fault !== undefined) throw fault;
    const response = { status, headers: Object.fromEntries(reply.headers), body: reply.body ?? null };
    return { what, response, isUnreadable: reply.unreadable !== undefined };
  };

  const valueOn: RestClient['valueOn'] = async (program, input) => (await evaluate([program], input))[0] ?? null;

  const read: RestClient['read'] = async (program, input, answer) => {
    if (answer.isUnreadable && needsBody(program)) {
      const message = `${answer.what}: ${answer.response.status} with text that is not JSON, and the manifest reads it (${program})`;
      throw new Fault('COMPONENT_RETRYABLE', message, { details: { outcome: 'unknown' } });
    }
    try {
      return await valueOn(program, { ...withClock(input), response: answer.response });
    } catch (error) {
      // What was asked for has been done by now, whatever is wrong with the program.
      if (!isFault(error)) throw error;
      const details = { ...error.details, outcome: 'unknown' };
      throw new Fault(error.code, error.message, { retry: error.retry, details, cause: error });
    }
  };

  return {
    ...{ send, read, valueOn },
    bodyOf: async (operation, input) => (await fill(operation, withClock(input))).body,
    ready: () => gate.look(),
    find: async (find, input, context, isWanted = () => true) => {
      const parts = {
        ...{ evaluate, read },
        send: (operation: HttpOperation, seen: JsonObject) => send(operation, seen, context),
      };
      const beforeMs = clock.offsetMs();
      const found = await findAll(parts, find, withClock(input), isWanted);
      // The API's clock is known only now: what was asked by ours is asked again.
      const isByClock = clock.offsetMs() !== beforeMs && JSON.stringify(find).includes('clockOffset');
      return isByClock ? findAll(parts, find, withClock(input), isWanted) : found;
    },
  };
};
