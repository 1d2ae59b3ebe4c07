#!/usr/bin/env node
// The query-responder: answers opstream.query.<verb>. Every copy answers (one queue group); it registers when it has read the views.

import { runProcess } from '../program/lifecycle.ts';
import { runQueryResponder } from './common/compose-query-responder.ts';
import { openInstance } from './common/open-instance.ts';

await runProcess('query-responder', async (signal, context) => {
  const instance = await openInstance(context, signal);
  let isServing = false;
  instance.vitals.need('the views are not read yet', () => isServing);
  const onServing = (): void => {
    isServing = true;
  };
  await runQueryResponder(instance.parts, { signal, onServing });
  await instance.connection.close();
});
