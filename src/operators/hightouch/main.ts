#!/usr/bin/env node
// The Hightouch operator's component: one resource is a model, a sync and its runs. Against the real Hightouch: make an API key in the
// workspace's settings, apply manifests/operator.yaml, and start this program with HIGHTOUCH_SECRET and the ENTITY_OF_INTEREST_
// variables that name its channel as natsApi does. Against the stand-in, HIGHTOUCH_SERVICE_URL is its address. All settings: settings.ts.

import { runOperator } from '../../sdk/index.ts';
import { createHightouch } from './client.ts';
import { createHightouchReconciler } from './reconciler.ts';
import { readSettings, settingsTable } from './settings.ts';

await runOperator({
  name: 'hightouch',
  settings: settingsTable,
  createReconciler: ({ environment }) => {
    const settings = readSettings(environment);
    return createHightouchReconciler({ settings, api: createHightouch(settings) });
  },
});
