// The component's own settings, from the environment, under the seed's names where it has them. With the address left alone it talks to the
// real Hightouch. Plain HTTP is for loopback only: what is sent there is a key of a whole workspace.

import {
  choiceEntry,
  configFault,
  durationEntry,
  loadConfig,
  textEntry,
  type ConfigOf,
  type Environment,
} from '../../sdk/index.ts';

const ADDRESS = /^(?:https:\/\/[^\s/?#@]+|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?)\/?$/;
const DAY_MS = 86_400_000;

export const settingsTable = {
  serviceUrl: textEntry({
    ...{ env: 'HIGHTOUCH_SERVICE_URL', about: 'where the API is', fallback: 'https://api.hightouch.com' },
    pattern: ADDRESS,
    expected: 'an address without a path: https://HOST, or http:// for 127.0.0.1 and localhost',
  }),
  basePath: textEntry({
    ...{ env: 'HIGHTOUCH_BASE_PATH', about: 'path below the address', fallback: '/api/v1' },
    pattern: /^(?:\/[A-Za-z0-9._-]+)+\/?$/,
    expected: 'a path such as /api/v1',
  }),
  apiKey: textEntry({ env: 'HIGHTOUCH_SECRET', about: 'API key of the workspace', secret: true }),
  warningIs: choiceEntry({
    ...{ env: 'HIGHTOUCH_WARNING_IS', about: 'what a run that ended with a warning counts as', fallback: 'succeeded' },
    choices: ['succeeded', 'failed'],
  }),
  pollIntervalMs: durationEntry({
    ...{ env: 'HIGHTOUCH_POLL_INTERVAL', about: 'how often a run under way is looked at', fallback: '3s' },
    ...{ minMs: 50, maxMs: DAY_MS },
  }),
  requestTimeoutMs: durationEntry({
    ...{ env: 'HIGHTOUCH_REQUEST_TIMEOUT', about: 'how long one request may take', fallback: '20s' },
    ...{ minMs: 100, maxMs: 300_000 },
  }),
  throttlePauseMs: durationEntry({
    ...{ env: 'HIGHTOUCH_THROTTLE_PAUSE', fallback: '10s', minMs: 50, maxMs: 3_600_000 },
    about: 'how long nothing is asked after a 429 without Retry-After; 10s is the window of the published limit',
  }),
  driftIntervalMs: durationEntry({
    ...{ env: 'HIGHTOUCH_DRIFT_INTERVAL', fallback: '30m', minMs: 50, maxMs: DAY_MS },
    about:
      'how often, at a resync, the model and the sync of a resource whose run has ended are compared with its spec',
  }),
  settleMs: durationEntry({
    ...{ env: 'HIGHTOUCH_SETTLE', fallback: '1m', minMs: 50, maxMs: DAY_MS },
    about: 'how long what was made or started is waited for when Hightouch does not show it yet, or no more',
  }),
  searchGraceMs: durationEntry({
    ...{ env: 'HIGHTOUCH_RUN_SEARCH_GRACE', fallback: '1m', minMs: 200, maxMs: DAY_MS },
    about:
      'how long a run whose start was not confirmed is looked for before it is started again; the trigger gets half of it to answer',
  }),
} as const;

export type HightouchSettings = ConfigOf<typeof settingsTable>;

/** Faults: CONFIG_INVALID naming every problem at once. */
export const readSettings = ({ env }: Pick<Environment, 'env'>): HightouchSettings => {
  const loaded = loadConfig(settingsTable, env, []);
  if (!loaded.ok) throw configFault(loaded.error);
  return loaded.value.config;
};
