// The text of a `.properties` file, readable by every parser of that format: one pair a line, what would be read otherwise escaped. Pure.

const unicode = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');

const NAMED: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\f': '\\f' };

const escaped = (text: string): string =>
  text.replaceAll(/[\\\n\r\t\f]/g, (character) => NAMED[character] ?? character).replaceAll(/[^\x20-\x7e]/gu, unicode);

const keyText = (key: string): string => escaped(key).replaceAll(/[ :=#!]/g, (character) => `\\${character}`);

/** A value's first space would be taken for the one around `=`. */
const valueText = (value: string): string => escaped(value).replace(/^ /, '\\ ');

export const propertiesText = (pairs: readonly (readonly [string, string])[]): string =>
  pairs.map(([key, value]) => `${keyText(key)}=${valueText(value)}\n`).join('');
