import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCommandMeter } from '../../../../src/engine/commands/command-meter.ts';
import { metricsOf } from '../../../../src/messages/metric-catalogue.ts';
import { createMetrics } from '../../../../src/program/metrics.ts';
import type { Receipt } from '../../../../src/messages/commands.ts';

const receipt: Receipt = { commandId: 'c', verb: 'apply', accepted: true, events: [] };
const rejected: Receipt = {
  ...receipt,
  accepted: false,
  rejection: { code: 'SPEC_INVALID', message: 'no', details: [] },
};

describe('commands', () => {
  it('are counted by verb, door, result and code', async () => {
    let nowMs = 0;
    const metrics = { ...createMetrics(metricsOf('command-handler')), nowMs: () => nowMs };
    const meter = createCommandMeter(metrics);
    nowMs = 3500;
    meter.answered('rpc', receipt, 3498);
    meter.answered('rpc', { ...receipt, unchanged: true }, 3498);
    meter.answered('cmd', rejected, 3498);
    meter.answered('rpc', { ...rejected, verb: 'nonsense' as Receipt['verb'] }, 3498);
    meter.failed('rpc', 'run', 'NATS_TIMEOUT', 0);
    meter.failed('cmd', undefined, 'INTERNAL', 3498);
    meter.appended('io.opstream.resource.declared.v1');
    meter.delivered('set-aside');
    const text = await metrics.expose();
    for (const line of [
      'opstream_commands_total{verb="apply",door="rpc",result="accepted",code=""} 1',
      'opstream_commands_total{verb="apply",door="rpc",result="unchanged",code=""} 1',
      'opstream_commands_total{verb="apply",door="cmd",result="rejected",code="SPEC_INVALID"} 1',
      'opstream_commands_total{verb="other",door="rpc",result="rejected",code="SPEC_INVALID"} 1',
      'opstream_commands_total{verb="run",door="rpc",result="failed",code="NATS_TIMEOUT"} 1',
      'opstream_commands_total{verb="other",door="cmd",result="failed",code="INTERNAL"} 1',
      'opstream_command_duration_seconds_count{verb="apply",door="rpc"} 2',
      'opstream_command_duration_seconds_bucket{le="5",verb="run",door="rpc"} 1',
      'opstream_command_duration_seconds_bucket{le="2.5",verb="run",door="rpc"} 0',
      'opstream_events_appended_total{type="io.opstream.resource.declared.v1"} 1',
      'opstream_deliveries_total{result="set-aside"} 1',
    ]) {
      const parts = line.split(/[{,}]/);
      assert.ok(
        text.split('\n').some((row) => parts.every((part) => row.includes(part)) && row.endsWith(parts.at(-1) ?? '')),
        line,
      );
    }
  });

  it('are counted as others when the subject names a verb that every object has', async () => {
    const metrics = createMetrics(metricsOf('command-handler'));
    const meter = createCommandMeter(metrics);
    for (const verb of ['constructor', 'toString', '__proto__', 'valueOf'])
      meter.answered('cmd', { ...rejected, verb: verb as Receipt['verb'] }, 0);
    assert.match(await metrics.expose(), /opstream_commands_total\{[^}]*verb="other"[^}]*\} 4/);
  });
});
