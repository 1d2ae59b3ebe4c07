// Lines of a log that nothing from outside excuses: the process is at its end, or its own code has met what it did not expect.

import type { JsonObject } from '../../src/core/json.ts';
import type { LogLine } from '../../test/support/processes.ts';

const OF_CODE: ReadonlySet<unknown> = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError']);

export const isBug = (line: LogLine): boolean =>
  line['level'] === 'fatal' || OF_CODE.has((line['err'] as JsonObject | undefined)?.['type']);
