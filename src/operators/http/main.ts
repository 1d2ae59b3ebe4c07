#!/usr/bin/env node
// The operator that needs no code: a component for every resource type whose manifest has an `http` section. Started by the supervisor as
// image `opstream/http`; by hand with --manifest FILE and the variables that every component has. Secrets come as variables, which the
// manifest names as .env.NAME. Exit code 2: the configuration is wrong, all of it said.

import { runOperator } from '../../sdk/index.ts';
import { assembleReconciler } from './assemble.ts';

await runOperator({ name: 'http', createReconciler: ({ environment }) => assembleReconciler(environment) });
