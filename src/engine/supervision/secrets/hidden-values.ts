// Which texts must not be seen in the logs of a component, because they are its secrets, and how they are taken out of a line. Values shorter
// than four characters stay: masking every "1" would hide more than it keeps. A value is also found as base64, by itself or within a longer
// text (a login, a whole file), in a URL, inside JSON, and as it is when it was escaped in a properties file; in any other disguise it is
// not. Pure.

import type { ServerAccess, ComponentSecrets } from '../plan-inputs.ts';

const SHORTEST = 4;
/** Of base64 within base64: less is in other texts by chance. */
const SHORTEST_WITHIN = 8;
const MASK = '***';
/** User name and path of a file: of use to whoever reads the log, and of none to others. */
const OPEN_CREDENTIALS: readonly string[] = [
  'OPSTREAM_NATS_USER',
  'OPSTREAM_NATS_CREDS',
  'OPSTREAM_NATS_CERT',
  'OPSTREAM_NATS_KEY',
];

/** Lines that frame a certificate are in every certificate. */
const isTelling = (text: string): boolean => text.length >= SHORTEST && !text.startsWith('-----');

const NAMED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f' };

/** What a program reads in a properties file: see properties-text. */
const unescaped = (text: string): string =>
  text.replaceAll(/\\(?:u([0-9a-f]{4})|(.))/gi, (_all, hex: string | undefined, one: string | undefined) =>
    hex === undefined ? (NAMED[one ?? ''] ?? one ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );

/** A line of a file, and what stands behind its first `=` when it is one of a properties file, as it stands there and as it is read. */
const partsOf = (line: string): readonly string[] => {
  const equals = line.indexOf('=');
  if (equals <= 0 || equals >= line.length - 1) return [line];
  const value = line.slice(equals + 1).trim();
  const read = unescaped(value);
  return [line, value, read, ...read.split('\n').map((one) => one.trim())];
};

/** Everything secret that an instance is started with, line by line, each once. */
export const hiddenValuesOf = (
  secrets: Pick<ComponentSecrets, 'environment' | 'files'>,
  credentials: ServerAccess['credentials'],
  apiKey?: string,
): readonly string[] => {
  const values = [
    ...Object.values(secrets.environment),
    ...Object.entries(credentials).flatMap(([name, value]) => (OPEN_CREDENTIALS.includes(name) ? [] : [value])),
    ...(apiKey === undefined ? [] : [apiKey]),
  ];
  const texts = [...values, ...secrets.files.map(({ content }) => content)];
  const lines = texts.flatMap((text) => text.split('\n')).map((line) => line.trim());
  return [...new Set([...values, ...lines.flatMap(partsOf)])].filter(isTelling);
};

const base64Of = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
const base64 = (text: string): string => base64Of(new TextEncoder().encode(text));

/** What base64 of a longer text has of the value, at each place that it may have in three bytes: the ends depend on its neighbours. */
const within = (value: string): readonly string[] => {
  const bytes = new TextEncoder().encode(value);
  return [0, 1, 2]
    .map((offset) => {
      const all = base64Of(Uint8Array.of(...new Uint8Array(offset), ...bytes));
      return all.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
    })
    .filter((text) => text.length >= SHORTEST_WITHIN);
};

/** Lone surrogates have no place in a URL. */
const inUrl = (value: string): readonly string[] => {
  try {
    return [encodeURIComponent(value)];
  } catch {
    return [];
  }
};

const disguisesOf = (value: string): readonly string[] => [
  value,
  ...inUrl(value),
  JSON.stringify(value).slice(1, -1),
  base64(value),
  base64(value).replace(/=+$/, ''),
  ...within(value),
];

/** Puts `***` in the place of every hidden value. */
export const createMask = (hidden: readonly string[]): ((text: string) => string) => {
  // The longest first: one value may begin with another.
  const all = [...new Set(hidden.flatMap(disguisesOf))].sort((a, b) => b.length - a.length);
  if (all.length === 0) return (text) => text;
  const pattern = new RegExp(all.map((one) => one.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|'), 'g');
  return (text) => text.replaceAll(pattern, MASK);
};
