// Keywords and formats in an operator's jsonSchema that its draft does not know. They are no errors there: a validator ignores them, and whoever
// wrote them believes that they are checked. `nullable`, which the operator page uses, is honoured here.

import { countKeys, readJson, scanJson } from '../json-text.ts';
import { MAX_DEPTH } from '../../json-schema/limits.ts';
import { CHECKED_FORMATS } from '../../json-schema/formats.ts';
import { surveySchema } from '../../json-schema/survey.ts';
import { draftOf } from '../../json-schema/vocabulary.ts';
import { printable } from '../../core/names.ts';
import { createPatterns } from '../../json-schema/patterns.ts';
import type { Finding } from '../../messages/finding.ts';
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
    const draft = draftOf(value);
    if (!draft.ok) return [];
    const { warnings, nullables, unknownFormats } = surveySchema(
      value,
      draft.value,
      createPatterns(() => undefined),
    );
    const about = `the jsonSchema of "${printable(type)}"`;
    const inDraft = draft.value === '07' ? 'draft-07' : 'draft 2020-12';
    const findings = warnings.map((warning): Finding => ({
      code: 'SCHEMA_KEYWORD_IGNORED',
      severity: 'warning',
      message: `${about}: ${warning}`,
      hint: `what it should check is not checked; use a keyword of ${inDraft}`,
      pointer,
    }));
    if (unknownFormats.length > 0) {
      const listed = places(unknownFormats.map(({ at, name }) => `"${printable(name)}" at ${at}`));
      findings.push({
        code: 'SCHEMA_FORMAT_UNKNOWN',
        severity: 'note',
        message: `${about} has formats that are not checked: ${listed}`,
        hint: `use "pattern", or one of the checked formats: ${CHECKED_FORMATS.join(', ')}`,
        pointer,
      });
    }
    if (nullables.length > 0) {
      findings.push({
        code: 'SCHEMA_KEYWORD_NOT_STANDARD',
        severity: 'note',
        message: `${about} uses "nullable" (${places(nullables)}), which ${inDraft} does not know; here it is honoured`,
        hint: 'so that other validators agree, write "type": ["string", "null"]',
        pointer,
      });
    }
    return findings;
  });
