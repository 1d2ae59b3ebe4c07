// The parts of the container driver that need no engine: command lines, what is read of `inspect`, positions in logs.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  isHostNetwork,
  ownPort,
  portsOf,
  runArguments,
  servicePortsOf,
  splitVariables,
} from '../../../src/compute/container-arguments.ts';
import { containerFacts } from '../../../src/compute/container-facts.ts';
import { joinParts, marksIn, parseTimed, positionText } from '../../../src/compute/container-log.ts';
import { engineProgram } from '../../../src/compute/engine-cli.ts';
import type { InstanceSpec } from '../../../src/engine/supervision/ports.ts';
import { parseWords } from '../../../src/program/compute-config.ts';

const spec: InstanceSpec = {
  ...{ id: 'op.web.1.abc', operator: 'op', component: 'web', replica: 1, revision: 'abc', type: 'service' },
  ...{ image: 'registry/web:1', command: ['/bin/web', '--fast'], arguments: ['a b'], files: [] },
  environment: { METRIC_PORT: '0' },
  ports: [{ name: 'http', servicePort: 80, targetPort: 8080 }],
};

describe('the command line of a container', () => {
  const args = (runFlags: readonly string[], hostPorts: ReadonlyMap<number, number> = new Map()): readonly string[] =>
    runArguments({
      ...{
        spec,
        prefix: 'opstream',
        home: 'h',
        name: 'opstream.op.web.1.abc',
        runFlags,
        hostPorts,
        handedOn: ['CERT'],
      },
      ...{ ports: portsOf(spec, ownPort).ports, envFile: '/d/variables', idFile: '/d/id', secretsFolder: '/d/secrets' },
      atWorkFile: '/d/at-work',
      maxLogBytes: 1_000_000,
    });

  it('publishes ports on this machine only, and none on its network', () => {
    const line = args([]).join(' ');
    assert.ok(line.includes('--publish 127.0.0.1::8080 --publish 127.0.0.1::9464 '), line);
    assert.ok(line.includes('--env-file /d/variables --env CERT '));
    assert.ok(line.includes('--label io.opstream.ports={"http":8080,"metrics":9464}'));
    assert.ok(!/ (?:--user|-u)[ =]/.test(line), "the user is the image's");
    assert.deepEqual(args([]).slice(-5), ['--entrypoint', '/bin/web', 'registry/web:1', '--fast', 'a b']);
    for (const flags of [['--network', 'host'], ['--net=host'], ['--memory', '1g', '--network=host']]) {
      assert.equal(isHostNetwork(flags), true);
      assert.ok(!args(flags).includes('--publish'));
    }
    assert.equal(isHostNetwork(['--network', 'bridge']), false);
  });

  it('publishes at the service ports that are free, and the rest where the engine likes', () => {
    const ports = [
      { name: 'http', servicePort: 80, targetPort: 8080 },
      { name: 'again', servicePort: 81, targetPort: 8080 },
      { name: 'admin', servicePort: 82, targetPort: 8082 },
    ];
    assert.deepEqual([...servicePortsOf({ ports })].toSorted(), [
      [8080, 80],
      [8082, 82],
    ]);
    assert.deepEqual([...servicePortsOf({ ports: [] })], []);
    const free = servicePortsOf(spec);
    const line = args([], free).join(' ');
    assert.ok(line.includes('--publish 127.0.0.1:80:8080 --publish 127.0.0.1::9464 '), line);
    assert.ok(!args(['--network=host'], free).includes('--publish'));
  });

  it('takes no image for a flag', () => {
    const parts = {
      hostPorts: new Map<number, number>(),
      prefix: 'p',
      name: 'n',
      home: 'h',
      runFlags: [],
      handedOn: [],
      ports: {},
      envFile: '',
      idFile: '',
      maxLogBytes: 1,
    };
    for (const image of ['--privileged', '', undefined])
      assert.throws(
        () => runArguments({ ...parts, spec: { ...spec, image }, secretsFolder: '/d', atWorkFile: '/d/w' }),
        {
          code: 'COMPONENT_NOT_STARTABLE',
        },
      );
    assert.throws(() => runArguments({ ...parts, spec, secretsFolder: '/d,readonly=false', atWorkFile: '/d/w' }), {
      code: 'COMPONENT_NOT_STARTABLE',
    });
  });

  it('has variables in a file, and those of several lines from the environment', () => {
    const split = splitVariables({ A: '1', QUOTED: ' "x" # $HOME ', CERT: 'a\nb', EMPTY: '' });
    assert.equal(split.fileText, 'A=1\nQUOTED= "x" # $HOME \nEMPTY=\n');
    assert.deepEqual(split.handedOn, { CERT: 'a\nb' });
    for (const name of ['LD_PRELOAD', 'PATH', 'DOCKER_HOST', 'HTTPS_PROXY', 'CONTAINERS_CONF'])
      assert.throws(() => splitVariables({ [name]: 'a\nb' }), { code: 'COMPONENT_NOT_STARTABLE' }, name);
    for (const name of ['A B', '', 'A=B', '#A', 'A*'])
      assert.throws(() => splitVariables({ [name]: 'a' }), { code: 'COMPONENT_NOT_STARTABLE' }, name);
  });
});

describe('what an engine says of a container', () => {
  const labels = { 'io.opstream.instance': 'op.web.1.abc', 'io.opstream.ports': '{"http":8080}' };

  it('is read from podman and from docker', () => {
    const podman = {
      ...{
        Id: 'f00',
        Name: 'opstream.op.web.1.abc',
        Created: '2026-11-23T08:20:07.868598181Z',
        Config: { Labels: labels },
      },
      State: {
        Status: 'exited',
        ExitCode: 3,
        OOMKilled: true,
        StartedAt: '2026-11-23T08:20:08Z',
        FinishedAt: '2026-11-23T08:20:09Z',
      },
      NetworkSettings: { Ports: {} },
    };
    const facts = containerFacts(podman);
    assert.deepEqual(
      [facts?.phase, facts?.exitCode, facts?.wasOutOfMemory, facts?.ports],
      ['exited', 3, true, { http: 8080 }],
    );
    const docker = {
      ...{ Id: 'f00', Name: '/opstream.op.web.1.abc', Config: { Labels: labels } },
      State: { Status: 'running', StartedAt: '2026-11-23T08:20:08Z', FinishedAt: '0001-01-01T00:00:00Z' },
      NetworkSettings: { Ports: { '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '49153' }], '9/tcp': null } },
    };
    const running = containerFacts(docker);
    assert.equal(running?.name, 'opstream.op.web.1.abc');
    assert.equal(running?.finishedMs, 0);
    assert.deepEqual([...(running?.published ?? [])], [[8080, 49_153]]);
  });

  it('may be anything', () => {
    for (const value of [null, [], {}, { Id: 'x' }, { Id: 'x', Config: { Labels: null } }])
      assert.equal(containerFacts(value), undefined);
  });
});

describe('the log of a container', () => {
  it('has times that are read to the nanosecond', () => {
    assert.deepEqual(parseTimed('2026-11-23T08:20:08.12901Z two  words'), {
      nanos: 1_795_422_008_129_010_000n,
      text: 'two  words',
    });
    assert.equal(parseTimed('2026-11-23T09:20:08+01:00 x')?.nanos, 1_795_422_008_000_000_000n);
    assert.equal(parseTimed('no time'), undefined);
  });

  it('has positions that are read as they were written', () => {
    const marks = { stdout: { nanos: 1_795_422_008_129_010_000n, ordinal: 2 }, stderr: { nanos: 0n, ordinal: 0 } };
    assert.deepEqual(marksIn(positionText(marks)), marks);
    assert.equal(positionText(marksIn(undefined)), positionText(marksIn('nonsense')));
  });

  it('loses the times of parts and keeps those that the component printed', () => {
    const nanos = parseTimed('2026-11-23T08:20:08.000000005Z x')?.nanos ?? 0n;
    assert.equal(joinParts(nanos, 'a2026-11-23T08:20:08.000000006Z b2026-11-23T08:20:09.000000000Z '), 'ab');
    for (const own of ['2026-11-23T08:20:08.000000004Z started', '2026-11-24T08:20:08.000000004Z is the next run'])
      assert.equal(joinParts(nanos, own), own);
  });
});

describe('settings of the engine', () => {
  it('are words as on a command line', () => {
    assert.deepEqual(parseWords(`--a 'b c' --d="e f" g`), ['--a', 'b c', '--d=e f', 'g']);
    assert.deepEqual(parseWords('["--a", "b c"]'), ['--a', 'b c']);
    assert.deepEqual(parseWords('  '), []);
    for (const wrong of ['["a", 1]', '[a', `it's`]) assert.equal(parseWords(wrong), undefined);
  });

  it('name podman where there is one', () => {
    assert.equal(engineProgram({ engineFlags: [], environment: { PATH: '/nowhere' } }), 'docker');
    assert.equal(engineProgram({ engineFlags: [], environment: {}, program: '/opt/podman' }), '/opt/podman');
  });
});
