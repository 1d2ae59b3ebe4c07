// YAML as the CLI prints it: no line is folded, so that texts can be copied, and texts that hold line breaks stay readable blocks. Pure.

import { stringify } from 'yaml';

export const toYaml = (value: unknown): string => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

export const toJson = (value: unknown): string => JSON.stringify(value, undefined, 2);
