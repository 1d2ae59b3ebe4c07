// An API that keeps things, each of whose answers a test may replace, and the component without code in front of it.

import { createHttpReconciler } from '../../../../src/operators/http/reconciler.ts';
import type { Definition } from '../../../../src/operators/http/definition.ts';
import type { Entity, EntityStatus, HttpObject, HttpTypeSpec } from '../../../../src/sdk/index.ts';
import { entityAt } from '../../../support/entities.ts';
import { resourceManifest } from '../../../support/fixtures.ts';
import { reconcilerInMemory, type InMemoryOptions } from '../../../support/reconciler-in-memory.ts';
import { clientFor, definitionOf, startServer, type Asked, type Says } from './support.ts';

export type Thing = { readonly id: string; readonly [field: string]: unknown };

export const thing = (
  sequence: number,
  generation: number,
  text: string,
  more: Partial<Entity> & { readonly name?: string } = {},
): Entity => {
  const { name = 'thing' } = more;
  return entityAt(sequence, {
    ...{ name, uid: `uid-${name}`, generation, manifest: resourceManifest({ text }, { name }) },
    ...more,
  });
};

export const deleted = (entity: Entity, sequence: number): Entity => ({
  ...entityAt(sequence, { ...entity, sequence }),
  deletionRequestedAt: '2026-01-01T00:00:00.000Z',
});

export const object = {
  find: { url: '/things', items: '.response.body', match: '.item.name == .name', externalId: '.item.id' },
  create: {
    ...{ method: 'POST', url: '/things', externalId: '.response.body.id' },
    body: { name: '{{ .name }}', text: '{{ .spec.text }}' },
  },
  read: { url: '/things/{{ .externalId }}', properties: '{ thing: .response.body }' },
  update: { method: 'PUT', url: '/things/{{ .externalId }}', body: { text: '{{ .spec.text }}' } },
  delete: { method: 'DELETE', url: '/things/{{ .externalId }}' },
} as const satisfies HttpObject;

export const { find: _find, ...withoutFind } = object;
export const update = { ...object.update, when: '.response.body.text != .spec.text' } as const;

/** What is answered instead of what the API would answer, after it has done what it was asked; undefined: the latter. */
export type Script = {
  search?(list: readonly Thing[]): Says | undefined;
  create?(made: Thing): Says | undefined;
  read?(kept: Thing | undefined): Says | undefined;
  change?(kept: Thing | undefined): Says | undefined;
  remove?(kept: Thing | undefined): Says | undefined;
  /** Before anything is done; an answer means that nothing is. */
  refuse?(asked: Asked): Says | undefined;
  other?(asked: Asked): Says;
};

const NOT_FOUND: Says = { status: 404, body: {} };
const one = (kept: Thing | undefined): Says => (kept === undefined ? NOT_FOUND : { body: kept });

export const component = async (
  http: Partial<HttpTypeSpec>,
  script: Script = {},
  options: Partial<Definition> & InMemoryOptions = {},
) => {
  const things = new Map<string, Thing>();
  let made = 0;
  const listed = ({ method, body }: Asked): Says => {
    if (method === 'GET') {
      const list = [...things.values()];
      return script.search?.(list) ?? { body: list };
    }
    made += 1;
    const kept = { id: `t${made}`, ...(JSON.parse(body) as object) };
    things.set(kept.id, kept);
    return script.create?.(kept) ?? { body: kept };
  };
  const remove = (id: string): Says => {
    const kept = things.get(id);
    const said = script.remove?.(kept) ?? (kept === undefined ? NOT_FOUND : { status: 204, text: '' });
    if (said.status !== 202) things.delete(id);
    return said;
  };
  const change = (id: string, { body }: Asked): Says => {
    const kept = things.get(id);
    const changed = kept === undefined ? undefined : { ...kept, ...(JSON.parse(body) as object), id };
    if (changed !== undefined) things.set(id, changed);
    return script.change?.(changed) ?? one(changed);
  };
  const server = await startServer((asked) => {
    const refusal = script.refuse?.(asked);
    if (refusal !== undefined) return refusal;
    const [, folder, id] = asked.path.split('/');
    if (folder !== 'things') return script.other?.(asked) ?? NOT_FOUND;
    if (id === undefined) return listed(asked);
    if (asked.method === 'GET') return script.read?.(things.get(id)) ?? one(things.get(id));
    return asked.method === 'DELETE' ? remove(id) : change(id, asked);
  });
  const section = { baseUrl: server.url, ...http };
  const definition = { ...definitionOf(section), ...options };
  const client = clientFor(server.url, section, definition);
  const inMemory = reconcilerInMemory(() => createHttpReconciler({ definition, client }), options);
  const until = (isReached: (status: EntityStatus) => boolean, what: string, name = 'thing') =>
    inMemory.until(isReached, what, `public.${name}`, 'adf-operator');
  return {
    ...{ ...inMemory, things, until },
    asked: (method: string, path = '/things') =>
      server.asked.filter((request) => request.method === method && request.path.startsWith(path)),
    at: (sequence: number, name = 'thing') =>
      until(
        ({ observedSequence, conditions }) =>
          observedSequence === sequence && conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
        `look ${sequence}`,
        name,
      ),
  };
};
