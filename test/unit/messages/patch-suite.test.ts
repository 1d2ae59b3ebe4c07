// The official suite of JSON Patch (RFC 6902): what it says is refused is refused, and the rest gives what it expects.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonValue } from '../../../src/core/json.ts';
import { applyPatch } from '../../../src/messages/sent-patch.ts';
import { suiteFiles, suiteMissing } from '../../support/suites.ts';

type Entry = {
  readonly comment?: string;
  readonly doc: JsonValue;
  readonly patch: JsonValue;
  readonly expected?: JsonValue;
  readonly error?: string;
  readonly disabled?: boolean;
};

describe('the official suite of JSON Patch', { skip: suiteMissing('json-patch') }, () => {
  for (const [file, entries] of suiteFiles('json-patch') as readonly (readonly [string, readonly Entry[]])[]) {
    it(`${file} is met`, () => {
      let count = 0;
      for (const [index, { comment, doc, patch, expected, error, disabled }] of entries.entries()) {
        if (disabled === true || patch === undefined) continue;
        count += 1;
        const what = `${index}: ${comment ?? error ?? JSON.stringify(patch)}`;
        const result = applyPatch(doc, patch);
        if (error !== undefined) assert.equal(result.ok ? result.value : result.error.code, 'PATCH_INVALID', what);
        else if (!result.ok) assert.fail(`${what}: ${JSON.stringify(result.error)}`);
        else if (expected !== undefined) assert.deepEqual(result.value, expected, what);
      }
      assert.ok(count > 15, `${count} entries`);
    });
  }
});
