// Whether a schema is one, by the meta-schema of its draft, which ajv brings along.

import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { JsonValue } from '../core/json.ts';
import { MAX_PROBLEMS } from './limits.ts';
import { detailsOf } from './problems.ts';
import { olderDraftHint } from './older-drafts.ts';
import { DRAFTS, type Draft } from './vocabulary.ts';

const checkers = new Map<Draft, Ajv | Ajv2020>();

const checkerOf = (draft: Draft): Ajv | Ajv2020 => {
  const known = checkers.get(draft);
  if (known !== undefined) return known;
  const options = { strict: false, validateFormats: false, allErrors: true, verbose: true, logger: false } as const;
  const created = draft === '07' ? new Ajv(options) : new Ajv2020(options);
  checkers.set(draft, created);
  return created;
};

/** What is wrong with the schema; `at` is where it stands. */
export const metaProblems = (schema: JsonValue, draft: Draft, at: string): readonly string[] => {
  const uri = Object.entries(DRAFTS).find(([, name]) => name === draft)?.[0] ?? '';
  const check = checkerOf(draft).getSchema(uri);
  if (check === undefined) throw new Error(`ajv has no meta-schema ${uri}`);
  if (check(schema) === true) return [];
  return detailsOf(check.errors ?? [], '', MAX_PROBLEMS, false).map(({ pointer = '', message }) => {
    const hint = olderDraftHint(schema, pointer, draft);
    return `${at}${pointer}: ${message}${hint === undefined ? '' : `; ${hint}`}`;
  });
};
