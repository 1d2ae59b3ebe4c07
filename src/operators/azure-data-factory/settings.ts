// The component's own settings, from the environment, under the seed's names where it has them. With the addresses left alone it talks
// to the real Azure. Plain HTTP is for loopback only: what is sent there is a client secret and tokens.

import {
  configFault,
  durationEntry,
  loadConfig,
  optional,
  textEntry,
  type ConfigOf,
  type Environment,
} from '../../sdk/index.ts';

const ID = /^[A-Za-z0-9-]{1,64}$/;
const TENANT = /^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$/;
const ADDRESS = /^(?:https:\/\/[^\s/?#@]+|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?)\/?$/;
const DAY_MS = 86_400_000;

const addressEntry = (env: string, about: string, fallback: string) =>
  textEntry({
    ...{ env, about, fallback },
    pattern: ADDRESS,
    expected: 'an address without a path: https://HOST, or http:// for 127.0.0.1 and localhost',
  });

export const settingsTable = {
  tenantId: textEntry({
    env: 'AZURE_TENANT_ID',
    about: 'directory (tenant) of the application',
    pattern: TENANT,
    expected: 'a tenant id or domain',
  }),
  clientId: textEntry({
    env: 'AZURE_CLIENT_ID',
    about: 'application (client) id',
    pattern: ID,
    expected: 'a client id',
  }),
  clientSecret: textEntry({ env: 'AZURE_CLIENT_SECRET', about: 'secret of the application', secret: true }),
  subscriptionId: textEntry({
    env: 'AZURE_SUBSCRIPTION_ID',
    about: 'subscription of the data factories',
    pattern: ID,
    expected: 'a subscription id',
  }),
  authorityUrl: addressEntry('AZURE_AUTHORITY_HOST', 'where tokens come from', 'https://login.microsoftonline.com'),
  managementUrl: addressEntry('AZURE_MANAGEMENT_URL', 'where the Data Factory API is', 'https://management.azure.com'),
  tokenScope: textEntry({
    env: 'AZURE_TOKEN_SCOPE',
    about: 'scope of the tokens; differs in sovereign clouds only',
    fallback: 'https://management.azure.com/.default',
    pattern: /^\S+\/\.default$/,
    expected: 'a scope that ends in /.default',
  }),
  pollIntervalMs: durationEntry({
    env: 'AZURE_POLL_INTERVAL',
    about: 'how often a run under way is looked at',
    fallback: '5s',
    minMs: 50,
    maxMs: DAY_MS,
  }),
  requestTimeoutMs: durationEntry({
    env: 'AZURE_REQUEST_TIMEOUT',
    about: 'how long one request may take',
    fallback: '20s',
    minMs: 100,
    maxMs: 300_000,
  }),
  searchGraceMs: durationEntry({
    env: 'AZURE_RUN_SEARCH_GRACE',
    about:
      'how long a run whose start was not confirmed is looked for before it is started again; createRun gets half of it to answer',
    fallback: '1m',
    minMs: 200,
    maxMs: DAY_MS,
  }),
  correlationParameter: optional(
    textEntry({
      env: 'AZURE_RUN_CORRELATION_PARAMETER',
      about: 'a string parameter that every pipeline declares; it carries our run id and makes finding a run exact',
      pattern: /^[A-Za-z0-9_]{1,128}$/,
      expected: 'a parameter name',
    }),
  ),
} as const;

export type AdfSettings = ConfigOf<typeof settingsTable>;

/** Faults: CONFIG_INVALID naming every problem at once. */
export const readSettings = ({ env }: Pick<Environment, 'env'>): AdfSettings => {
  const loaded = loadConfig(settingsTable, env, []);
  if (!loaded.ok) throw configFault(loaded.error);
  return loaded.value.config;
};
