// Which texts must not be seen in the logs of a component, because they are its secrets, and how they are taken out of a line. Values shorter
// than four characters stay: masking every "1" would hide more than it keeps. A value is also found as base64, in a URL and inside
// JSON; in any other disguise it is not. Pure.

import type { ServerAccess, ComponentSecrets } from './plan.ts';

const SHORTEST = 4;
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

/** A line of a file, and what stands behind its first `=` when it is one of a properties file. */
const partsOf = (line: string): readonly string[] => {
  const equals = line.indexOf('=');
  return equals > 0 && equals < line.length - 1 ? [line, line.slice(equals + 1).trim()] : [line];
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

const base64 = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

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
];

/** Puts `***` in the place of every hidden value. */
export const createMask = (hidden: readonly string[]): ((text: string) => string) => {
  // The longest first: one value may begin with another.
  const all = [...new Set(hidden.flatMap(disguisesOf))].sort((a, b) => b.length - a.length);
  if (all.length === 0) return (text) => text;
  const pattern = new RegExp(all.map((one) => one.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|'), 'g');
  return (text) => text.replaceAll(pattern, MASK);
};
