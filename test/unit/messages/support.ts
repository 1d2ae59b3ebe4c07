// Shared by the tests of parsing and validation: fixtures as bytes, results unwrapped, time bounds.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Rejection } from '../../../src/core/rejection.ts';
import type { Result } from '../../../src/core/result.ts';
import type { ParsedDocument } from '../../../src/manifest/document.ts';
import { parseManifests } from '../../../src/manifest/parse.ts';

const root = new URL('../../../', import.meta.url);

export const fixture = (name: string): Uint8Array => readFileSync(new URL(`test/fixtures/manifests/${name}`, root));
export const shipped = (name: string): Uint8Array =>
  readFileSync(new URL(`src/operators/azure-data-factory/manifests/${name}`, root));

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const accepted = <T>(result: Result<T>): T => {
  assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.error));
  return result.value;
};

export const refused = <T>(result: Result<T>): Rejection => {
  assert.ok(!result.ok, 'expected a refusal');
  return result.error;
};

export const oneDocument = (text: string): ParsedDocument => {
  const [document] = accepted(parseManifests(bytes(text)));
  assert.ok(document !== undefined);
  return document;
};

/** Hangs are minutes; the bound is generous because the machine is shared. */
export const withinSeconds = <T>(seconds: number, run: () => T): T => {
  const start = performance.now();
  const value = run();
  const elapsed = (performance.now() - start) / 1000;
  assert.ok(elapsed < seconds, `took ${elapsed.toFixed(1)} s, expected less than ${seconds} s`);
  return value;
};
