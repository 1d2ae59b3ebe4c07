// The example of the README's section on runs that start once, as readme-once.test.ts takes it from there: to be type-checked and run.

import {
  callHttp,
  createOnce,
  isJsonObject,
  isNotThere,
  refusedFault,
  type ReconcileContext,
} from '../../../../src/sdk/index.ts';

const api = process.env['JOBS_URL'] ?? '';
const ask = async (method: 'GET' | 'POST', path: string, { signal, fetch }: ReconcileContext, timeoutMs = 20_000) => {
  const reply = await callHttp({ method, url: `${api}${path}`, headers: {}, timeoutMs, signal, fetch });
  if (reply.status >= 300) throw refusedFault(reply, `${method} ${path}: ${reply.status}`);
  return isJsonObject(reply.body) ? reply.body : {};
};
const states = { queued: 'pending', running: 'inprogress', done: 'succeeded', broken: 'failed' } as const;

const jobs = createOnce({
  noun: 'job',
  platform: 'the job server',
  graceMs: 60_000,
  pollIntervalMs: 5000,
  start: async ({ entity, context }, { runId }, timeoutMs) => {
    const { id } = await ask('POST', `/jobs?name=${entity.key}&label=${runId}`, context, timeoutMs);
    return String(id);
  },
  // The label is ours, so what is found is certainly it. Without one: all jobs since `since`, and no `isCertain`.
  search: async ({ context }, { runId }) => {
    const { ids } = await ask('GET', `/jobs?label=${runId}`, context);
    if (!Array.isArray(ids)) throw new Error('expected a list of ids: no list is not "none"');
    return { ids: ids.map(String), isCertain: true };
  },
  look: async ({ context }, { record }) => {
    try {
      const job = await ask('GET', `/jobs/${record.externalId}`, context);
      return { state: states[job['state'] as keyof typeof states], properties: { job } };
    } catch (error) {
      if (isNotThere(error)) return undefined;
      throw error;
    }
  },
  cancel: async ({ context }, { record }) => {
    await ask('POST', `/jobs/${record.externalId}/cancel`, context);
  },
});
export const reconciler = jobs.reconciler('jobs');
