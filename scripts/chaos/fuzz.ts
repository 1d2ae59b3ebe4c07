// Hostile inputs, many at a time, to a running instance of built processes, one of each, and a component. Started by scripts/chaos.mjs with how many and
// the seed. After each batch the same processes must still do the whole way for a resource of ours; at the end every command must be stored as it
// was answered, and the buckets, which were damaged by hand, must be mended by a rebuild.

import { join } from 'node:path';
import type { MsgHdrs } from 'nats';
import { decodeJson } from '../../src/core/decode.ts';
import { isFault } from '../../src/core/fault.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { datasetOf, mustApply, operatorNamed } from '../../test/support/manifests.ts';
import { opstreamAt } from '../../test/support/opstream-at.ts';
import { root, startProcess, type TestProcess } from '../../test/support/processes.ts';
import { programs, startInstance, type RunningInstance } from '../../test/support/running-instance.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { checkFuzz, type Answered } from './fuzz-check.ts';
import { hostileInput, type HostileInput } from './hostile-inputs.ts';
import { randomOf } from './random.ts';
import { createReport, givenNumbers, type Report } from './report.ts';

const BATCH = 250;
const ANSWER_MS = 60_000;
/** Of the server alone, or of nobody. */
const SOME_ANSWER_MS = 5_000;
const WORK_MS = 60_000;

const { amount, seed } = givenNumbers();
const random = randomOf(seed);

const shown = ({ kind, subject, data }: HostileInput): string =>
  `${kind} ${subject} ${data.length} bytes: ${JSON.stringify(Buffer.from(data).toString('utf8').slice(0, 400))}`;

/** What is wrong with an answer of ours; undefined: nothing. */
const wrongIn = (answer: unknown): string | undefined => {
  if (typeof answer !== 'object' || answer === null) return 'the answer is no JSON object';
  const { failure } = answer as { readonly failure?: JsonObject };
  return failure?.['code'] === 'INTERNAL' ? 'the answer says that there is a bug' : undefined;
};

const send = async (instance: RunningInstance, number: number, answered: Answered[], report: Report): Promise<void> => {
  const input = hostileInput(random, number);
  report.count(input.kind);
  const { headers: block } = input;
  const headers = block === undefined ? {} : { headers: { encode: () => block } as unknown as MsgHdrs };
  const isOurs = input.expects === 'answer';
  try {
    const message = await instance.connection.slots.request(input.subject, input.data, {
      ...{ timeoutMs: isOurs ? ANSWER_MS : SOME_ANSWER_MS },
      ...headers,
    });
    const answer = isOurs ? decodeJson(message.data) : undefined;
    const wrong = isOurs ? wrongIn(answer) : undefined;
    if (wrong !== undefined) report.breach(`${wrong}: ${shown(input)}: ${JSON.stringify(answer).slice(0, 300)}`);
    answered.push({ input, answer });
  } catch (error) {
    if (!isFault(error)) {
      // The client has refused the subject.
      report.count('not sent');
      return;
    }
    answered.push({ input, answer: undefined });
    if (isOurs && error.code !== 'JS_TOO_LARGE') report.breach(`${error.code}: ${shown(input)}`);
    else report.count(`other subjects: ${error.code}`);
  }
};

/** Applied, projected, dispatched, reconciled, observed, and asked for. */
const mustWork = async (instance: RunningInstance, number: number): Promise<void> => {
  const name = `probe-${number}`;
  await mustApply(instance.client, datasetOf('probe', name, { number }));
  await waitFor(
    async () => {
      const answer = await instance.client.query('get', { type: 'resource', name });
      return answer.ok && answer.value.summary.ready === 'True';
    },
    { timeoutMs: WORK_MS, intervalMs: 50, what: `${name} to be ready` },
  );
};

const startComponent = (instance: RunningInstance, operator: string): TestProcess =>
  startProcess(join(root, 'test', 'support', 'dataset-program.ts'), {
    name: `component of ${operator}`,
    env: {
      OPSTREAM_NATS_URL: instance.server.url,
      OPSTREAM_OPERATOR: operator,
      ENTITY_OF_INTEREST_MESSAGE_QUEUE: operator,
      ENTITY_OF_INTEREST_MESSAGE_STREAM: `${operator}-channel`,
      ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `${operator}.dataset`,
      ENTITY_OF_INTEREST_MESSAGE_QUERY_SUBJECT: `${operator}.dataset.query`,
      ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT: `${operator}.dataset.reply`,
    },
  });

const fuzz = async (instance: RunningInstance, report: Report): Promise<void> => {
  for (const operator of ['probe', 'fz']) await mustApply(instance.client, operatorNamed(operator));
  const components = ['probe', 'fz'].map((operator) => startComponent(instance, operator));
  const all = [...programs.flatMap((program) => instance.of(program)), ...components];
  const ended = new Set<TestProcess>();
  for (const one of all) void one.ended.then(() => ended.add(one));
  await mustWork(instance, 0);
  const answered: Answered[] = [];
  for (let sent = 0; sent < amount;) {
    const batch = Math.min(BATCH, amount - sent);
    await Promise.all(Array.from({ length: batch }, (_, index) => send(instance, sent + index + 1, answered, report)));
    sent += batch;
    await mustWork(instance, sent).catch((error: unknown) => report.breach(`after ${sent} inputs: ${String(error)}`));
    if (sent % (BATCH * 10) === 0 || sent === amount) report.say(`${sent} of ${amount} inputs`);
    for (const one of ended) report.breach(`${one.name} ended after ${sent} inputs: ${one.output().slice(-1500)}`);
    if (ended.size > 0) break;
  }
  report.count('inputs', answered.length);
  // Commands on operators are not decided on a damaged view, and durable ones wait in their order: it is mended first.
  const rebuilt = await opstreamAt(instance.server.url, 'rebuild', '--all');
  if (rebuilt.code !== 0) report.breach(`rebuild --all ended with ${rebuilt.code}: ${rebuilt.err.slice(-1000)}`);
  await checkFuzz(instance, answered, all, report);
  await Promise.all(components.map((one) => one.kill9()));
};

const mended = async (instance: RunningInstance, report: Report): Promise<void> => {
  for (const argv of [['rebuild', '--all'], ['verify'], ['doctor']]) {
    const { code, out, err } = await opstreamAt(instance.server.url, ...argv);
    report.say(`${argv.join(' ')}: ${out.trim().split('\n').at(-1)}`);
    if (code !== 0) report.breach(`${argv.join(' ')} ended with ${code}: ${out.slice(-3000)}${err.slice(-1000)}`);
  }
};

const main = async (): Promise<number> => {
  const report = createReport(`${amount} hostile inputs`, seed);
  const instance = await startInstance({
    from: 'dist',
    env: { OPSTREAM_SECRET_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}` },
  });
  try {
    await fuzz(instance, report);
    await mended(instance, report);
  } finally {
    await instance.stop();
  }
  return report.finish();
};

process.exitCode = await main();
