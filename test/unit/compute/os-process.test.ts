import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, it } from 'node:test';
import { birthOf, endProcess, isAlive, isProcessOf, pidIn } from '../../../src/compute/os-process.ts';
import { ended, leakGuard, track } from '../../support/children.ts';

leakGuard();

const sleeper = (code: string) => track(spawn(process.execPath, ['-e', code, 'a-marker']), 'sleeper');

describe('a process of this machine', () => {
  it('is known by its command line, and gone when it has ended', async () => {
    const child = sleeper('setInterval(() => {}, 1000)');
    const pid = child.pid ?? 0;
    assert.ok(isAlive(pid));
    assert.ok(isProcessOf(pid, 'a-marker'));
    assert.ok(!isProcessOf(pid, 'another-marker'));
    assert.notEqual(birthOf(pid), '');
    assert.equal(birthOf(pid), birthOf(pid));
    await endProcess(pid, 5000);
    await ended(child);
    assert.equal(child.signalCode, 'SIGTERM');
    assert.ok(!isAlive(pid));
    assert.ok(!isProcessOf(pid, 'a-marker'));
    await endProcess(pid, 5000);
  });

  it('is ended also when it does not want to', async () => {
    const child = sleeper("process.on('SIGTERM', () => {}); console.log('ready'); setInterval(() => {}, 1000)");
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    await endProcess(child.pid ?? 0, 100);
    await ended(child);
    assert.equal(child.signalCode, 'SIGKILL');
  });

  it('is nobody when the number is none', () => {
    for (const pid of [0, -1, Number.NaN, 1.5, 999_999_999]) assert.ok(!isAlive(pid), String(pid));
    assert.equal(pidIn('12 345'), 12);
    for (const text of ['', 'x', '-3', '0']) assert.equal(pidIn(text), 0, text);
  });
});
