#!/usr/bin/env node
// The Azure Data Factory operator's component. Against the real Azure:
//
//   1. Register an application with a client secret and give it the role "Data Factory Contributor" on the factories.
//   2. Apply manifests/operator.yaml, with your values in place of the sample ones.
//   3. Start this program with AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_SUBSCRIPTION_ID in its environment, and
//      the ENTITY_OF_INTEREST_ variables that name its channel as natsApi in the operator's manifest does.
//
// Nothing else differs from a run against the stand-in, which is AZURE_AUTHORITY_HOST and AZURE_MANAGEMENT_URL set to its address. With
// AZURE_RUN_CORRELATION_PARAMETER a run whose start was not confirmed is found again with certainty (adoption.ts). All settings and
// their defaults: settings.ts, and `--help` for those that every component has. Exit code 2: the configuration is wrong, all of it said.

import { runOperator } from '../../sdk/index.ts';
import { createDataFactory } from './client.ts';
import { createIdentity } from './identity.ts';
import { createAdfReconciler } from './reconciler.ts';
import { readSettings, settingsTable } from './settings.ts';

await runOperator({
  name: 'azure-data-factory',
  settings: settingsTable,
  createReconciler: ({ environment }) => {
    const settings = readSettings(environment);
    return createAdfReconciler({ settings, api: createDataFactory(settings, createIdentity(settings)) });
  },
});
