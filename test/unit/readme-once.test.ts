// The README's example of runs that start once: it is the code of readme-example.ts, which is type-checked, and it works against an API that loses
// the answer to a start.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import type { Reconciler } from '../../src/sdk/index.ts';
import { reconcilerInMemory } from '../support/reconciler-in-memory.ts';
import { wanting } from './sdk/once/job-operator.ts';

const root = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');
const example = readFileSync(new URL('test/unit/sdk/once/readme-example.ts', root), 'utf8');

/** Without spaces and what a formatter puts or leaves out between them. */
const bare = (code: string): string => code.replaceAll(/\s+/g, '').replaceAll(/,(?=[}\])])/g, '');

describe("the README's example of runs that start once", () => {
  it('is what is run here', () => {
    const [, code = ''] = /<!-- example: once -->\n```ts\n([^]*?)```/.exec(readme) ?? [];
    const asRun = code
      .replace("'opstream/sdk'", "'../../../../src/sdk/index.ts'")
      .replace("'https://jobs.example.com'", "process.env['JOBS_URL'] ?? ''")
      .replace(', runOperator', '')
      .replace(
        "await runOperator({ reconciler: jobs.reconciler('jobs') });",
        "export const reconciler = jobs.reconciler('jobs');",
      );
    assert.ok(asRun.length > 500);
    assert.equal(bare(example.slice(example.indexOf('import'))), bare(asRun));
  });

  it('starts one job, though the answer is lost', { timeout: 20_000 }, async () => {
    const jobs: { readonly id: string; readonly label: string | null }[] = [];
    const server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
      const say = (status: number, body: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      const label = searchParams.get('label');
      if (request.method === 'POST') {
        jobs.push({ id: `job-${jobs.length + 1}`, label });
        return say(500, {});
      }
      if (pathname === '/jobs') return say(200, { ids: jobs.filter((job) => job.label === label).map(({ id }) => id) });
      return say(jobs.some(({ id }) => pathname === `/jobs/${id}`) ? 200 : 404, { state: 'done' });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    after(() => server.close());
    process.env['JOBS_URL'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { reconciler } = (await import('./sdk/once/readme-example.ts')) as { readonly reconciler: Reconciler };
    const component = reconcilerInMemory(() => reconciler);
    await component.declare(wanting(1));
    const isDone = ({ runtime }: { readonly runtime?: string }) => runtime === 'succeeded';
    const status = await component.until(isDone, 'success', 'public.run-1', 'adf-operator');
    assert.deepEqual([jobs.length, status.externalId], [1, 'job-1']);
    assert.equal(status.conditions.find(({ type }) => type === 'LastChange')?.reason, 'Adopted');
  });
});
