// The bodies of targeted commands and of queries.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { targetVerbs } from '../../../src/messages/commands.ts';
import { queryVerbs } from '../../../src/messages/queries.ts';
import { isTargetVerb, parseTargetCommand } from '../../../src/manifest/bodies/target-command.ts';
import { parseQuery } from '../../../src/manifest/bodies/query.ts';
import { accepted, bytes, refused } from '../messages/support.ts';

type TargetVerb = (typeof targetVerbs)[number];
type QueryVerb = (typeof queryVerbs)[number];
const command = (verb: TargetVerb, text: string, workspace?: string) =>
  accepted(parseTargetCommand(verb, bytes(text), workspace));
const commandRefusal = (verb: TargetVerb, text: string, workspace?: string) =>
  refused(parseTargetCommand(verb, bytes(text), workspace));
const query = (verb: QueryVerb, text: string) => accepted(parseQuery(verb, bytes(text))).query;
const queryRefusal = (verb: QueryVerb, text: string) => refused(parseQuery(verb, bytes(text)));

describe('a targeted command', () => {
  it('names its target, with defaults', () => {
    const target = { kind: 'resource', workspace: 'public', name: 'a' };
    assert.deepEqual(command('delete', '{"name":"a"}'), { verb: 'delete', target });
    assert.deepEqual(command('run', 'name: a\nworkspace: w'), { verb: 'run', target: { ...target, workspace: 'w' } });
    assert.deepEqual(command('run', 'name: a', 'w').target.workspace, 'w');
    assert.deepEqual(command('delete', '{"name":"a","type":"operator"}', 'w').target, {
      kind: 'operator',
      workspace: '_',
      name: 'a',
    });
    assert.deepEqual(command('delete', '{"name":"a","type":"operator","workspace":"_"}').target.workspace, '_');
  });
  it('carries what its verb needs', () => {
    const patch = [{ op: 'remove', path: '/tags' }];
    assert.deepEqual(command('patch', JSON.stringify({ name: 'a', patch, expectedGeneration: 3 })).patch, patch);
    assert.equal(command('patch', JSON.stringify({ name: 'a', patch, expectedGeneration: 3 })).expectedGeneration, 3);
    assert.equal(command('finalize', '{"name":"a","uid":"u-1"}').uid, 'u-1');
  });
  it('is refused with a pointer to each problem', () => {
    const cases: readonly (readonly [TargetVerb, string, string, readonly string[]])[] = [
      ['delete', '', 'COMMAND_INVALID', ['/name']],
      ['delete', '{}', 'COMMAND_INVALID', ['/name']],
      ['delete', '{"name":"A.b"}', 'NAME_INVALID', ['/name']],
      ['delete', '{"name":"a","workspace":"a.>"}', 'NAME_INVALID', ['/workspace']],
      ['delete', '{"name":"a","workspace":"_"}', 'NAME_INVALID', ['/workspace']],
      ['delete', '{"name":"a","nmae":"b","type":"x"}', 'COMMAND_INVALID', ['/nmae', '/type']],
      ['delete', '{"name":"a","type":"operator","workspace":"w"}', 'COMMAND_INVALID', ['/workspace']],
      ['delete', '{"name":"a","patch":[]}', 'COMMAND_INVALID', ['/patch']],
      ['delete', '{"name":"a","expectedGeneration":-1}', 'COMMAND_INVALID', ['/expectedGeneration']],
      ['patch', '{"name":"a"}', 'COMMAND_INVALID', ['/patch']],
      ['patch', '{"name":"a","patch":{}}', 'COMMAND_INVALID', ['/patch']],
      ['finalize', '{"name":"a"}', 'COMMAND_INVALID', ['/uid']],
      ['run', '[]', 'COMMAND_INVALID', ['']],
      ['run', '[{"name":"a"},{"name":"b"}]', 'COMMAND_INVALID', ['']],
    ];
    for (const [verb, text, code, pointers] of cases) {
      const rejection = commandRefusal(verb, text);
      assert.equal(rejection.code, code, text);
      assert.deepEqual(rejection.details.map((detail) => detail.pointer ?? '').sort(), pointers, text);
    }
    assert.equal(commandRefusal('run', '{"name":"a"}', 'A.B').code, 'NAME_INVALID');
    assert.equal(commandRefusal('run', 'a: [').code, 'COMMAND_INVALID');
    assert.equal(commandRefusal('run', 'a: [').details[0]?.line, 1);
    assert.equal(commandRefusal('run', `{"a":${'['.repeat(100)}`).code, 'COMMAND_INVALID');
    assert.equal(commandRefusal('run', 'x'.repeat(2 * 1024 * 1024)).code, 'MANIFEST_TOO_LARGE');
    assert.deepEqual([commandRefusal('run', 'name: a\nx: 1').details[0]?.line], [2]);
  });
  it('knows its verbs', () => assert.deepEqual([isTargetVerb('run'), isTargetVerb('apply')], [true, false]));
  it('answers and does not throw', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...targetVerbs),
        fc.oneof(fc.uint8Array(), fc.json().map(bytes)),
        (verb, data) => void parseTargetCommand(verb, data),
      ),
    );
  });
});

describe('a query', () => {
  it('has defaults', () => {
    assert.deepEqual(query('get', '{"name":"a"}'), { name: 'a', type: 'resource', workspace: 'public' });
    assert.deepEqual(query('status', 'name: a\ntype: operator\nrefresh: true'), {
      name: 'a',
      type: 'operator',
      workspace: '_',
      refresh: true,
    });
    assert.deepEqual(query('history', '{"name":"a","limit":5,"fromSequence":0,"minSequence":7,"waitMs":10}'), {
      name: 'a',
      type: 'resource',
      workspace: 'public',
      limit: 5,
      fromSequence: 0,
      minSequence: 7,
      waitMs: 10,
    });
    assert.deepEqual(query('list', ''), {});
    assert.deepEqual(query('list', ' {"owner":"i am","tag":"x","limit":1000}\n'), {
      owner: 'i am',
      tag: 'x',
      limit: 1000,
    });
    assert.deepEqual(query('outcome', '0197-abc\n'), { commandId: '0197-abc' });
    assert.deepEqual(query('outcome', '{"commandId":"a","waitMs":1}'), { commandId: 'a', waitMs: 1 });
  });
  it('is refused with a pointer to each problem', () => {
    const cases: readonly (readonly [QueryVerb, string, readonly string[]])[] = [
      ['get', '', ['/name']],
      ['get', '{"name":"a.b"}', ['/name']],
      ['get', '{"name":"a","workspace":"A"}', ['/workspace']],
      ['get', '{"name":"a","type":"operator","workspace":"public"}', ['/workspace']],
      ['get', '{"name":"a","waitMs":30001,"minSequence":1.5}', ['/minSequence', '/waitMs']],
      ['list', '{"limit":0}', ['/limit']],
      ['list', '{"limit":1001,"worspace":"a"}', ['/limit', '/worspace']],
      ['list', '{"workspace":"a.*"}', ['/workspace']],
      ['history', '{"name":"a","fromSequence":-1}', ['/fromSequence']],
      ['outcome', '', ['/commandId']],
      ['outcome', '{"commandId":"a.b"}', ['/commandId']],
      ['outcome', 'A B', ['']],
      ['status', '{"name":"a","refresh":1}', ['/refresh']],
    ];
    for (const [verb, text, pointers] of cases) {
      const rejection = queryRefusal(verb, text);
      assert.equal(rejection.code, 'QUERY_INVALID', text);
      assert.deepEqual(rejection.details.map((detail) => detail.pointer ?? '').sort(), pointers, text);
    }
  });
  it('answers and does not throw', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...queryVerbs),
        fc.oneof(fc.uint8Array(), fc.json().map(bytes)),
        (verb, data) => void parseQuery(verb, data),
      ),
    );
  });
});
