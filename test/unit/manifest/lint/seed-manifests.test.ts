// The golden test of the lint: what it says about the operator page's samples, whole, and about the manifest that is shipped.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { lintDocuments } from '../../../../src/manifest/lint/lint.ts';
import { parseManifests } from '../../../../src/manifest/parse.ts';

const root = new URL('../../../../', import.meta.url);

const lintFiles = (...paths: readonly string[]): readonly string[] => {
  const text = paths.map((path) => readFileSync(new URL(path, root), 'utf8')).join('\n---\n');
  const parsed = parseManifests(new TextEncoder().encode(text));
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message);
  return lintDocuments(parsed.value, { defaultWorkspace: 'public', actor: 'iamgroot' }).map(
    ({ line, severity, code, message, hint }) => `${line} ${severity} ${code}: ${message} -> ${hint ?? ''}`,
  );
};

const STATE_FILE =
  'note ELECTION_STATE_FILE: --electionStateFile is accepted and not used: the lease that elects the leader needs no file -> it can be left out';
const ELECTION =
  'warning ELECTION_SIZE: ELECTION_CLUSTER_SIZE is 1, but "adf-controller" has 2 replicas: an election by quorum would let more than one of ' +
  'them lead at a time. Here it is a lease that elects, whatever this says: one replica leads, the others stand by -> set it to 2, or leave it out';
const MISMATCH =
  'warning CHANNEL_MISMATCH: component "adf-controller" has ENTITY_OF_INTEREST_MESSAGE_STREAM "dataos-azure-entities", but ' +
  'natsApi.command.stream of "pipeline-run" is "dataos-zure-entities": its commands never arrive -> did you mean "dataos-zure-entities"? ' +
  'make the two agree';
const CREDENTIAL =
  'warning INLINE_CREDENTIAL: the variable AZURE_CLIENT_SECRET is a credential by its name, and a manifest is stored in the clear, for ever ' +
  '-> put it into a secret and name that in dataosSecrets (consumptionType: envVars); then change the credential, because this one has been seen';
const NULLABLE =
  'note SCHEMA_KEYWORD_NOT_STANDARD: the jsonSchema of "pipeline-run" uses "nullable" (#/properties/referencePipelineRunID, ' +
  '#/properties/startActivityName, #/properties/startFromFailure), which draft 2020-12 does not know; here it is honoured ' +
  '-> so that other validators agree, write "type": ["string", "null"]';
const OTHER_NAME =
  'warning OPERATOR_NOT_FOUND: operator "adf-operator" is none of those declared here (azure-data-factory) -> "azure-data-factory" has that type';

const fixtures = 'test/fixtures/manifests';

describe("the lint of the operator page's samples", () => {
  it('explains each mistake of the operator with inline secrets', () => {
    assert.deepEqual(lintFiles(`${fixtures}/seed-operator-inline-secrets.corrected.yaml`), [
      `33 ${STATE_FILE}`,
      `40 ${ELECTION}`,
      `49 ${MISMATCH}`,
      `56 ${CREDENTIAL}`,
      `67 ${NULLABLE}`,
    ]);
  });

  it('says nothing of credentials where they are in a secret', () => {
    assert.deepEqual(lintFiles(`${fixtures}/seed-operator-secret-reference.corrected.yaml`), [
      `33 ${STATE_FILE}`,
      `40 ${ELECTION}`,
      `49 ${MISMATCH}`,
      `67 ${NULLABLE}`,
    ]);
  });

  it('sees that the resource names another operator than the one beside it', () => {
    const findings = lintFiles(
      `${fixtures}/seed-operator-secret-reference.corrected.yaml`,
      `${fixtures}/seed-resource.corrected.yaml`,
    );
    assert.deepEqual(findings.slice(4), [`131 ${OTHER_NAME}`]);
  });

  it('finds the names of the shipped manifest right, and the rest as published', () => {
    const path = 'src/operators/azure-data-factory/manifests';
    assert.deepEqual(lintFiles(`${path}/operator.yaml`, `${path}/resource.yaml`), [
      `38 ${STATE_FILE}`,
      `45 ${ELECTION}`,
      `61 ${CREDENTIAL}`,
      `72 ${NULLABLE}`,
    ]);
  });
});
