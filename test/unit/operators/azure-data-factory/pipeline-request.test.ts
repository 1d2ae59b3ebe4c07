import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pipelineRequest } from '../../../../src/operators/azure-data-factory/pipeline-request.ts';
import { seedSpec } from './support.ts';

describe('the run that a spec asks for', () => {
  it('is the seed’s, with nulls absent', () => {
    const nulls = { referencePipelineRunID: null, startActivityName: null, startFromFailure: null };
    assert.deepEqual(pipelineRequest({ ...seedSpec, ...nulls }), {
      request: { target: seedSpec, parameters: {}, isRecovery: false },
    });
  });

  it('recovers only with a start option', () => {
    const reference = { ...seedSpec, referencePipelineRunID: 'r', parameters: { ignored: 1 } };
    const asked = (options: object): object => {
      const made = pipelineRequest({ ...reference, ...options }, { correlation: 'c' });
      assert.ok('request' in made);
      const { target: _target, ...rest } = made.request;
      return rest;
    };
    assert.deepEqual(asked({}), { referencePipelineRunId: 'r', isRecovery: false });
    assert.deepEqual(asked({ startFromFailure: false }), { referencePipelineRunId: 'r', isRecovery: false });
    assert.deepEqual(asked({ startFromFailure: true }), {
      referencePipelineRunId: 'r',
      isRecovery: true,
      startFromFailure: true,
    });
    assert.deepEqual(asked({ startActivityName: 'Second' }), {
      referencePipelineRunId: 'r',
      isRecovery: true,
      startActivityName: 'Second',
    });
  });

  it('carries the correlation beside the parameters', () => {
    const made = pipelineRequest({ ...seedSpec, parameters: { day: 1 } }, { correlation: 'c' });
    assert.ok('request' in made);
    assert.deepEqual(made.request.parameters, { day: 1, correlation: 'c' });
  });

  it('has names that can be in a path, or says every one that cannot', () => {
    for (const name of ['..', 'a/b', 'a?b', 'a#b', '', 'a%2e', 7, null]) {
      const made = pipelineRequest({ factoryName: name, pipelineName: name, resourceGroupName: name, parameters: [] });
      assert.ok('problems' in made, JSON.stringify(name));
      assert.equal(made.problems.length, 4, JSON.stringify(made.problems));
    }
  });
});
