// Times as Data Factory writes them: UTC, seven fractional digits. The clock here has milliseconds; the four digits after
// them are chosen once per run, so that a run's times keep their order as text and clients meet real-looking precision.

import { randomInt } from 'node:crypto';

export const randomFinerDigits = (): string => String(randomInt(10_000)).padStart(4, '0');

/** `2018-06-16T00:37:44.6257014Z` */
export const azureTimestamp = (timeMs: number, finerDigits = '0000'): string =>
  `${new Date(timeMs).toISOString().slice(0, -1)}${finerDigits}Z`;

const isoPattern = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/i;

/** Milliseconds since the epoch, or undefined when the text is no ISO 8601 time. A time without a zone is UTC, as at the API. */
export const parseTimestamp = (text: string): number | undefined => {
  const match = isoPattern.exec(text);
  if (match === null) return undefined;
  const zoned = match[1] !== undefined && match[4] === undefined ? `${text}Z` : text;
  const timeMs = Date.parse(zoned);
  return Number.isNaN(timeMs) ? undefined : timeMs;
};

/** `2016-01-09 02:02:12Z`, the identity endpoint's form. */
export const identityTimestamp = (timeMs: number): string =>
  `${new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ')}Z`;
