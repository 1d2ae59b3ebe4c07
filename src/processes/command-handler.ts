#!/usr/bin/env node
// The command-handler: answers opstream.rpc.<verb> (every copy, one queue group) and carries out opstream.cmd.<verb> (the copy that holds
// the lease `command-intake`). The only writer of OPSTREAM_EVENTS.

import { createJqRunner } from '../jq/jq-runner.ts';
import { runProcess } from '../program/lifecycle.ts';
import { runCommandHandler } from './common/compose-command-handler.ts';
import { openInstance } from './common/open-instance.ts';
import { openVault } from './common/open-vault.ts';
import { explainFault } from './common/store-problem.ts';

await runProcess('command-handler', async (signal, context) => {
  const instance = await openInstance(context, signal, ['command-intake']);
  const { config, holder } = instance;
  let isServing = false;
  instance.vitals.need('the service is not registered yet', () => isServing);
  const jq = createJqRunner();
  await runCommandHandler(instance.parts, {
    ...{ signal, jq, vault: openVault(config) },
    explain: (fault) => explainFault(config.storeFolder, holder, fault),
    onServing: () => {
      isServing = true;
    },
  });
  await jq.close();
  await instance.connection.close();
});
