#!/usr/bin/env node
// The Azure Data Factory operator's component. Against the real Azure it needs the four AZURE_ variables of the seed and an application
// with the role "Data Factory Contributor" on the factories; AZURE_AUTHORITY_HOST and AZURE_MANAGEMENT_URL point it at something else.
// The channel is named by the seed's ENTITY_OF_INTEREST_ variables, which must agree with natsApi in the operator's manifest.

import { runOperator } from '../../sdk/index.ts';
import { createDataFactory } from './client.ts';
import { createIdentity } from './identity.ts';
import { createReconciler } from './reconciler.ts';
import { readSettings } from './settings.ts';

await runOperator({
  createReconciler: ({ environment }) => {
    const settings = readSettings(environment);
    return createReconciler({ settings, api: createDataFactory(settings, createIdentity(settings)) });
  },
});
