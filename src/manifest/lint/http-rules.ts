// Rules on the `http` blocks of types, which say how an API is called: templates that are text by mistake, variables that nobody sets, addresses
// that are put below another one.

import { isJsonObject, toPointer, type JsonObject, type JsonValue } from '../../core/json.ts';
import { printable } from '../../core/names.ts';
import { nearestName } from '../../json-schema/nearest.ts';
import type { Finding } from '../../messages/finding.ts';
import type { OperatorView, Placed } from './operator-view.ts';

/** `{ .env.TOKEN }`: neither a template nor jq. */
const ONE_BRACE = /(?<!\{)\{\s*(\.[A-Za-z_][A-Za-z0-9_.]*)\s*\}(?!\})/;
const VARIABLE = /\.env\.([A-Za-z_][A-Za-z0-9_]*)/g;
const ABSOLUTE = /^\s*https?:\/\//i;
const MAX_EDITS = 2;

type Path = readonly (string | number)[];

const textsIn = (value: JsonValue | undefined, path: Path): readonly (Placed & { readonly key: string })[] => {
  if (typeof value === 'string') return [{ text: value, pointer: toPointer(path), key: String(path.at(-1)) }];
  if (Array.isArray(value)) {
    return (value as readonly JsonValue[]).flatMap((item, index) => textsIn(item, [...path, index]));
  }
  return isJsonObject(value) ? Object.entries(value).flatMap(([key, item]) => textsIn(item, [...path, key])) : [];
};

const warning = (code: string, message: string, hint: string, pointer: string): Finding => ({
  ...{ code, severity: 'warning', message, hint, pointer },
});

const braceFinding = ({ text, pointer }: Placed): readonly Finding[] => {
  const found = ONE_BRACE.exec(text)?.[1];
  if (found === undefined) return [];
  const message = `"{ ${printable(found)} }" with one brace is sent as it stands`;
  return [warning('HTTP_TEMPLATE', message, `write "{{ ${printable(found)} }}"`, pointer)];
};

/** A variable may come from a secret, whose keys are not known here: only names that are nearly one of the manifest's are told. */
const variableFindings = ({ text, pointer }: Placed, known: readonly string[]): readonly Finding[] =>
  [...text.matchAll(VARIABLE)].flatMap(([, name = '']) => {
    const nearest = known.includes(name) ? undefined : nearestName(name, known, MAX_EDITS);
    if (nearest === undefined) return [];
    const message = `no component sets the variable ${printable(name)}`;
    return [warning('HTTP_VARIABLE_UNKNOWN', message, `did you mean .env.${nearest}?`, pointer)];
  });

const addressFinding = ({ text, pointer, key }: Placed & { readonly key: string }): readonly Finding[] => {
  if (key !== 'url' || !ABSOLUTE.test(text)) return [];
  const message = 'this url is an absolute address, and a url is put below baseUrl';
  return [warning('HTTP_URL_ABSOLUTE', message, 'write the path alone, such as /v1/things', pointer)];
};

const typesOf = (manifest: JsonObject): readonly JsonValue[] => {
  const operator = manifest['operator'];
  const types = isJsonObject(operator) ? operator['resources'] : undefined;
  return Array.isArray(types) ? (types as readonly JsonValue[]) : [];
};

export const httpFindings = (manifest: JsonValue, { components }: OperatorView): readonly Finding[] => {
  if (!isJsonObject(manifest)) return [];
  const known = components.flatMap(({ variables }) => [...variables.keys()]);
  return typesOf(manifest).flatMap((type, index) => {
    const texts = isJsonObject(type) ? textsIn(type['http'], ['operator', 'resources', index, 'http']) : [];
    return texts.flatMap((text) => [...braceFinding(text), ...variableFindings(text, known), ...addressFinding(text)]);
  });
};
