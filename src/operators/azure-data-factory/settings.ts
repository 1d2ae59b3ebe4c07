// The component's own settings, from the environment; the seed's names. With the two addresses left alone it talks to the real Azure.

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

export const settingsTable = {
  tenantId: textEntry({
    env: 'AZURE_TENANT_ID',
    about: 'directory (tenant) of the application',
    pattern: ID,
    expected: 'a tenant id',
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
  authorityUrl: textEntry({
    env: 'AZURE_AUTHORITY_HOST',
    about: 'where tokens come from',
    fallback: 'https://login.microsoftonline.com',
    pattern: /^https?:\/\/\S+$/,
    expected: 'a URL',
  }),
  managementUrl: textEntry({
    env: 'AZURE_MANAGEMENT_URL',
    about: 'where the Data Factory API is',
    fallback: 'https://management.azure.com',
    pattern: /^https?:\/\/\S+$/,
    expected: 'a URL',
  }),
  pollIntervalMs: durationEntry({
    env: 'AZURE_POLL_INTERVAL',
    about: 'how often a run is looked at',
    fallback: '5s',
    minMs: 50,
    maxMs: 3_600_000,
  }),
  searchGraceMs: durationEntry({
    env: 'AZURE_RUN_SEARCH_GRACE',
    about: 'how long a run whose start was not confirmed is looked for before it is started again',
    fallback: '15s',
    minMs: 0,
    maxMs: 3_600_000,
  }),
  correlationParameter: optional(
    textEntry({
      env: 'AZURE_RUN_CORRELATION_PARAMETER',
      about: 'a parameter that every pipeline declares and that carries our run id: makes finding a run exact',
      pattern: /^[A-Za-z0-9_]{1,128}$/,
      expected: 'a parameter name',
    }),
  ),
} as const;

export type AdfSettings = ConfigOf<typeof settingsTable>;

/** Faults: CONFIG_INVALID naming every problem at once. */
export const readSettings = ({ env }: Environment): AdfSettings => {
  const loaded = loadConfig(settingsTable, env, []);
  if (!loaded.ok) throw configFault(loaded.error);
  return loaded.value.config;
};
