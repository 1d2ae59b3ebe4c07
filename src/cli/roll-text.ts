// Which replicas of components were changed, and why, as the statuses of an operator tell it one after the other. Pure. Used by history and
// replay: a status repeats why its instances were begun, so only what is new in it is an event.

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { printable } from '../core/names.ts';
import type { HistoryEntry } from '../messages/queries.ts';

const objectsIn = (value: JsonValue | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? (value as readonly JsonValue[]).filter(isJsonObject) : [];

/** To be asked of each entry in order: `worker/0 rolled for image, secret public/db`; empty: nothing new. */
export const createRolls = (): ((entry: HistoryEntry) => string) => {
  const known = new Map<string, string>();
  return ({ stream, event, setAside }) => {
    const { data } = event as { readonly data?: JsonValue };
    if (stream !== 'status' || setAside !== undefined || !isJsonObject(data)) return '';
    const texts: string[] = [];
    for (const component of objectsIn(data['components'])) {
      for (const { replica, revision, rolledFor } of objectsIn(component['replicas'])) {
        const name = `${String(component['name'])}/${String(replica)}`;
        const isNew = known.get(name) !== String(revision);
        known.set(name, String(revision));
        const causes = Array.isArray(rolledFor) ? (rolledFor as readonly JsonValue[]).map(String) : [];
        if (isNew && causes.length > 0) texts.push(`${name} rolled for ${causes.join(', ')}`);
      }
    }
    return printable(texts.join('; '));
  };
};
