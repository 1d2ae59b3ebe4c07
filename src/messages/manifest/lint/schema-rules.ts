// Keywords in an operator's jsonSchema that draft 2020-12 does not know. They are no errors there: a validator ignores them, and whoever wrote
// them believes that they are checked. `nullable`, which the operator page uses, is honoured here.

import { countKeys, readJson, scanJson } from '../json-text.ts';
import { MAX_DEPTH } from '../limits.ts';
import { printable } from '../../names.ts';
import { createPatterns } from '../../validation/patterns.ts';
import { prepare } from '../../validation/schema-preparation.ts';
import type { Finding } from './finding.ts';
import type { OperatorView } from './operator-view.ts';

const MAX_PLACES = 5;

const places = (all: readonly string[]): string =>
  all.slice(0, MAX_PLACES).join(', ') + (all.length > MAX_PLACES ? `, and ${all.length - MAX_PLACES} more` : '');

/** A schema that cannot be read has been refused; nothing is said about it here. */
export const schemaFindings = ({ schemas }: OperatorView): readonly Finding[] =>
  schemas.flatMap(({ type, text, pointer }): readonly Finding[] => {
    if (scanJson(text, MAX_DEPTH).deepestOffset !== -1) return [];
    const { value, problems } = readJson(text);
    if (problems.length > 0 || Number.isNaN(countKeys(value))) return [];
    const { warnings, nullables } = prepare(
      value,
      createPatterns(() => undefined),
    );
    const about = `the jsonSchema of "${printable(type)}"`;
    const ignored = warnings.map((warning): Finding => ({
      code: 'SCHEMA_KEYWORD_IGNORED',
      severity: 'warning',
      message: `${about}: ${warning}`,
      hint: 'what it should check is not checked; use a keyword of draft 2020-12',
      pointer,
    }));
    if (nullables.length === 0) return ignored;
    return [
      ...ignored,
      {
        code: 'SCHEMA_KEYWORD_NOT_STANDARD',
        severity: 'note',
        message: `${about} uses "nullable" (${places(nullables)}), which draft 2020-12 does not know; here it is honoured`,
        hint: 'so that other validators agree, write "type": ["string", "null"]',
        pointer,
      },
    ];
  });
