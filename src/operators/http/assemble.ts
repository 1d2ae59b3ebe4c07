// The parts of the operator without code put together, for one definition. Called by main.ts and by tests.

import {
  createGate,
  createJqRunner,
  Fault,
  parseDurationMs,
  type Environment,
  type HttpAuth,
  type JsonObject,
  type Reconciler,
} from '../../sdk/index.ts';
import { createAuth } from './auth.ts';
import { readDefinition, type Definition } from './definition.ts';
import { createHttpReconciler } from './reconciler.ts';
import { createRestClient } from './rest-client.ts';
import { createEvaluate, createFilling, type Evaluate } from './template.ts';

const ADDRESS = /^(?:https:\/\/[^\s/?#@]+|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?)(?:\/[^\s?#]*)?$/;

/** Faults: CONFIG_INVALID. */
const checkAddress = (address: string, what: string): string => {
  if (ADDRESS.test(address)) return address;
  const expected = 'https://HOST/PATH, or http:// for 127.0.0.1 and localhost (what is sent there may be a secret)';
  throw new Fault('CONFIG_INVALID', `http.${what}: expected ${expected}, found "${address}"`, { retry: 'never' });
};

const fillConstants = async (definition: Definition, evaluate: Evaluate) => {
  const filling = createFilling();
  const baseUrl = filling.text(definition.http.baseUrl);
  const auth = filling.json((definition.http.auth ?? null) as JsonObject | null);
  await filling.evaluate(evaluate, { env: definition.env });
  const filled = (auth() ?? undefined) as HttpAuth | undefined;
  if (filled?.type === 'oauth2ClientCredentials') checkAddress(filled.tokenUrl, 'auth.tokenUrl');
  return { baseUrl: checkAddress(String(baseUrl()), 'baseUrl'), auth: filled };
};

/** Faults: CONFIG_INVALID. */
export const assembleReconciler = async (environment: Environment): Promise<Reconciler> => {
  const definition = readDefinition(environment);
  const evaluate = createEvaluate(createJqRunner());
  const { baseUrl, auth } = await fillConstants(definition, evaluate);
  const { requests, per = '1s' } = definition.http.throttle ?? {};
  const limit = requests === undefined ? undefined : { requests, perMs: parseDurationMs(per) || 1000 };
  const client = createRestClient({
    ...{ definition, evaluate, baseUrl },
    auth: createAuth(auth, definition.timeoutMs, Date.now),
    gate: createGate(limit, Date.now),
  });
  return createHttpReconciler({ definition, client });
};
