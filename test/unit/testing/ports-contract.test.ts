// The contract of the ports, in memory: the same cases as on a nats-server (test/integration/ports-contract.int.test.ts).

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryInstance, createMemoryPorts, drivenClock } from '../../../src/testing/index.ts';
import { bucketCases, leaseCases } from '../../contract-cases/buckets-and-leases.ts';
import { serviceCases } from '../../contract-cases/services.ts';
import { streamCases } from '../../contract-cases/streams.ts';
import type { ContractWorld } from '../../contract-cases/world.ts';

const STEP_MS = 50;
const MAX_STEPS = 1000;

const newWorld = (): ContractWorld => {
  const clock = drivenClock();
  const { server, names } = createMemoryInstance({ nowMs: () => clock.nowMs() });
  let made = 0;
  return {
    ports: createMemoryPorts(server, { clock }),
    other: createMemoryPorts(server, { clock }),
    leaseBucket: names.buckets.leases,
    newStream: async (options = {}) => {
      const name = `contract-${(made += 1)}`;
      server.addStream({ name, subjects: [`${name}.>`], ...options });
      return name;
    },
    newBucket: async () => {
      const bucket = `contract-${(made += 1)}`;
      server.addBucket(bucket);
      return bucket;
    },
    until: async (condition, what) => {
      for (let steps = 0; steps < MAX_STEPS; steps += 1) {
        const value = await condition();
        if (value) return value;
        await clock.advance(STEP_MS);
      }
      return assert.fail(`${what}: not within ${MAX_STEPS * STEP_MS} ms`);
    },
    pass: (ms) => clock.advance(ms),
  };
};

describe('the ports in memory', () => {
  for (const { name, run } of [...streamCases, ...bucketCases, ...leaseCases, ...serviceCases])
    it(name, () => run(newWorld()));
});
