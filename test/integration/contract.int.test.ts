import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findNatsServer } from '../../scripts/nats-server.mjs';
import { allChecks } from '../../src/contract/all-checks.ts';
import type { CheckReport } from '../../src/contract/types.ts';
import { startStandIn, type StandIn } from '../../src/stand-ins/azure-data-factory/server.ts';
import { parseOptions } from '../../src/stand-ins/azure-data-factory/options.ts';
import { buildPrograms } from '../support/built-programs.ts';
import { leakGuard, temporaryFolder, track } from '../support/children.ts';
import { root } from '../support/processes.ts';

// `opstream contract` as authors run it, against four components that keep the contract and one that keeps nearly nothing of it. Then one flaw at a time. Each run
// has a server and an instance of its own; most of the time is spent waiting, so they run side by side.

leakGuard();

type Result = { readonly code: number | null; readonly checks: readonly CheckReport[]; readonly text: string };

const { path: folder } = temporaryFolder();
const notes = join(root, 'test', 'components', 'python', 'operator.yaml');
const manifests = join(root, 'src', 'operators', 'azure-data-factory', 'manifests');
let programs = '';
let natsServer = '';
let standIn: StandIn;

const contract = (args: readonly string[]): Promise<Result> =>
  new Promise((resolve, reject) => {
    const own = Object.entries(process.env).filter(
      ([name]) => !name.startsWith('OPSTREAM_') && name !== 'NODE_TEST_CONTEXT',
    );
    const env = { ...Object.fromEntries(own), OPSTREAM_NATS_SERVER: natsServer };
    const words = [join(programs, 'cli', 'main.js'), 'contract', '-o', 'json', ...args];
    const child = execFile(
      process.execPath,
      words,
      { env, cwd: root, maxBuffer: 1 << 24 },
      (_error, stdout, stderr) => {
        try {
          const { checks } = JSON.parse(stdout) as { readonly checks: readonly CheckReport[] };
          resolve({ code: child.exitCode, checks, text: JSON.stringify(checks, undefined, 1) });
        } catch (error) {
          reject(new Error(`no report:\n${stdout}\n${stderr}`, { cause: error }));
        }
      },
    );
    track(child, 'opstream contract');
  });

const namesOf = (result: Result, wanted: CheckReport['result']): readonly string[] =>
  result.checks.filter((check) => check.result === wanted).map(({ name }) => name);

const specFile = (name: string, spec: object): string => {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(spec));
  return path;
};

const python = (() => {
  const { status } = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']);
  return status === 0 ? {} : { skip: 'there is no python3 of at least 3.9 here' };
})();

const pythonNotes = ['--', 'python3', '-B', join(root, 'test', 'components', 'python', 'notes.py')];

const assertKept = (result: Result, skipped: readonly string[]): void => {
  assert.deepEqual(namesOf(result, 'failed'), [], result.text);
  assert.deepEqual(namesOf(result, 'skipped'), skipped);
  assert.equal(result.code, 0);
  assert.equal(result.checks.length, allChecks.length);
};

type Flaw = {
  /** What a component does that has it. Others are seen in the careless component. */
  readonly what: string;
  readonly file?: string;
  /** What stands in the file once, and what shall stand there instead. */
  readonly changes: readonly (readonly [string, string])[];
  /** That has to find it. */
  readonly check: string;
};

const flaws: readonly Flaw[] = [
  {
    what: 'acknowledges first',
    changes: [
      [
        '                self.take(msg)\n',
        '                self.nats.publish(msg.reply, b"+ACK")\n                time.sleep(0.3)\n                self.take(msg)\n',
      ],
    ],
    check: 'kept-before-ack',
  },
  {
    what: 'takes older ones',
    changes: [
      [' or kept and entity["sequence"] < kept["entity"]["sequence"]:', ':'],
      ['if is_old(entity, last) or is_released(entity, last):', 'if is_released(entity, last):'],
      ['        if is_old(entity, last):\n', '        if False:\n'],
    ],
    check: 'older-sequence',
  },
  {
    what: 'observes nothing new',
    changes: [
      ['"observedGeneration": entity["generation"], "observedSequence"', '"observedGeneration": 1, "observedSequence"'],
    ],
    check: 'changed-spec',
  },
  {
    what: 'writes no dead letters',
    changes: [['self.nats.store(f"{PREFIX}.dead.component", letter, ', '(lambda *_: None)("", letter, ']],
    check: 'malformed',
  },
  {
    what: 'forgets nothing',
    changes: [
      ['if kept and kept["entity"]["uid"] == entity["uid"]:\n                self', 'if False:\n                self'],
      ['if is_released(entity, last) or last and', 'if last and'],
    ],
    check: 'release',
  },
  {
    what: 'forgets who asked',
    changes: [['**record["origin"],', '**{**record["origin"], "actor": "me"},']],
    check: 'status-events',
  },
  {
    what: 'does not connect again',
    changes: [['self.stop.wait(0.3)', 'self.stop.wait()']],
    check: 'server-restart',
  },
  {
    what: 'leads without the lease',
    file: 'lease.py',
    changes: [
      [
        'again\n                return False\n',
        'again\n                self.fence, self.asked = 1 << 40, 1e12\n                return True\n',
      ],
    ],
    check: 'replicas',
  },
];

const flawedCopy = ({ what, file = 'notes.py', changes }: Flaw): string => {
  const path = join(folder, what.replaceAll(' ', '-'));
  cpSync(join(root, 'test', 'components', 'python'), path, { recursive: true });
  let text = readFileSync(join(path, file), 'utf8');
  for (const [sound, flawed] of changes) {
    assert.equal(text.split(sound).length, 2, `the flaw "${what}" has no place any more: ${sound}`);
    text = text.replace(sound, () => flawed);
  }
  writeFileSync(join(path, file), text);
  return join(path, 'notes.py');
};

describe('opstream contract', { concurrency: 5, timeout: 400_000 }, () => {
  before(async () => {
    [programs, natsServer, standIn] = await Promise.all([
      buildPrograms(),
      process.env['OPSTREAM_NATS_SERVER'] ?? findNatsServer(),
      startStandIn(parseOptions(['--port', '0', '--queued-ms', '100', '--run-ms', '300'], {})),
    ]);
  });
  after(async () => {
    await standIn.close();
  });

  it('is kept by the component in Python, for notes', python, async () => {
    const specs = [specFile('note', { text: 'hello' }), specFile('changed', { text: 'changed' })];
    const args = ['-f', notes, '--type', 'note', '--timeout', '45s', '--env', `NOTES_DIR=${join(folder, 'python')}`];
    assertKept(await contract([...args, ...specs.flatMap((path) => ['--spec', path]), ...pythonNotes]), [
      'runs',
      'cancel',
      'actions',
    ]);
  });

  it('is kept by the component in Python, for tallies, which run', python, async () => {
    const args = ['-f', notes, '--type', 'tally', '--timeout', '45s', '--env', `NOTES_DIR=${join(folder, 'tallies')}`];
    assertKept(await contract([...args, ...pythonNotes]), []);
  });

  it('is kept by a component made with the SDK', async () => {
    const args = ['-f', notes, '--type', 'tally', '--timeout', '45s', '--env', `NOTES_DIR=${join(folder, 'sdk')}`];
    const command = ['--', process.execPath, '--import', 'tsx', join(root, 'test', 'components', 'sdk', 'notes.ts')];
    assertKept(await contract([...args, ...command]), []);
  });

  it('is kept by the Azure Data Factory operator, against the stand-in', async () => {
    const variables = [
      `AZURE_AUTHORITY_HOST=${standIn.url}`,
      `AZURE_MANAGEMENT_URL=${standIn.url}`,
      'AZURE_POLL_INTERVAL=100ms',
      'AZURE_RUN_SEARCH_GRACE=2s',
      'OPERATOR_MAX_WORKERS=8',
    ].flatMap((text) => ['--env', text]);
    const spec = join(manifests, 'resource.yaml');
    const args = ['-f', join(manifests, 'operator.yaml'), '--spec', spec, '--timeout', '60s', ...variables];
    const program = join(programs, 'operators', 'azure-data-factory', 'main.js');
    assertKept(await contract([...args, '--', process.execPath, program]), ['actions']);
  });

  it('finds out a component that acknowledges first, forgets, doubles and dies', async () => {
    const args = ['-f', notes, '--type', 'tally', '--timeout', '6s'];
    const program = join(root, 'test', 'components', 'careless', 'careless.mjs');
    const result = await contract([...args, '--', process.execPath, program]);
    assert.equal(result.code, 1);
    assert.deepEqual(
      namesOf(result, 'ok'),
      ['reports', 'changed-spec', 'delete-unknown', 'declared-again', 'server-restart'],
      result.text,
    );
    assert.deepEqual(namesOf(result, 'skipped'), []);
    for (const { result: outcome, expected, found, advice } of result.checks) {
      if (outcome === 'failed') assert.ok((expected ?? '') !== '' && (found ?? '') !== '' && (advice ?? '') !== '');
    }
  });

  for (const [index, flaw] of flaws.entries()) {
    const isLeftOut = process.env['OPSTREAM_TEST_FLAWS'] !== 'all' && index % 2 === 1;
    const how = isLeftOut ? { skip: 'takes long; OPSTREAM_TEST_FLAWS=all runs it' } : python;
    it(`finds out a component that ${flaw.what}: ${flaw.check}`, how, async () => {
      const program = flawedCopy(flaw);
      const spec = specFile(`spec-of-${flaw.check}`, { text: 'hello' });
      const args = [
        '-f',
        notes,
        '--type',
        'note',
        '--spec',
        spec,
        '--timeout',
        '6s',
        '--only',
        `reports,${flaw.check}`,
      ];
      const result = await contract([...args, '--env', `NOTES_DIR=${program}-files`, '--', 'python3', '-B', program]);
      assert.deepEqual(namesOf(result, 'failed'), [flaw.check], result.text);
      assert.equal(result.code, 1);
    });
  }
});
