// Checks of what arrives beside commands that are as they should be: bytes that are none, and questions.

import { decodeJson, encodeJson } from '../../core/decode.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { createStreamReader } from '../../jetstream/stream-reader.ts';
import { ANSWER, ask } from '../ask.ts';
import {
  apply,
  assertRunning,
  commandFor,
  commandSeen,
  putOnChannel,
  settled,
  takeOffChannel,
  until,
} from '../bench.ts';
import { untilQuiet } from '../quiet.ts';
import type { Bench } from '../bench.ts';
import { atRest } from '../settling.ts';
import { type Check } from '../types.ts';
import { Breach } from '../breach.ts';

const SET_ASIDE = 'what cannot be read is published on <prefix>.dead.component with its reason, and then acknowledged';

const deadSequences = async (bench: Bench): Promise<readonly number[]> => {
  const reader = createStreamReader(bench.connection, bench.names.streams.dead);
  const letters = await reader.readSubject(bench.names.dead('component'));
  return letters.map(({ data }) => {
    const letter = decodeJson(data);
    const isOurs = isJsonObject(letter) && letter['stream'] === bench.api.command.stream;
    return isOurs ? Number(letter['sequence']) : 0;
  });
};

/** `bodies`: what they are, by their sequence on the channel. */
const assertLetters = async (bench: Bench, bodies: ReadonlyMap<number, string>): Promise<void> => {
  let without: readonly string[] = [];
  await until(
    bench,
    async () => {
      const dead = new Set(await deadSequences(bench));
      without = [...bodies].filter(([sequence]) => !dead.has(sequence)).map(([, what]) => what);
      return without.length === 0 ? true : undefined;
    },
    {
      expected: `a dead letter for each of ${bodies.size} messages that cannot be read`,
      found: () => `none for: ${without.join(', ')}`,
      advice: SET_ASIDE,
    },
  );
};

export const malformed: Check = {
  name: 'malformed',
  about: 'sets aside what it cannot read, and goes on',
  run: async (bench) => {
    const program = await bench.component();
    const entity = await apply(bench, 'contract-malformed');
    await settled(bench, entity, SET_ASIDE);
    const good = commandFor(bench, entity, await commandSeen(bench, entity));
    const later = { ...entity, sequence: entity.sequence + 1_000_000 };
    const named = (name: string) => ({
      ...later,
      key: `${bench.workspace}.${name}`,
      manifest: { ...later.manifest, name },
    });
    const bodies: readonly (readonly [string, Uint8Array])[] = [
      ['bytes that are no text', new Uint8Array([0xff, 0xfe, 0x00, 0x80])],
      ['nothing at all', new Uint8Array()],
      ['a JSON list', encodeJson([1, 2, 3])],
      ['an event of another type', encodeJson({ ...good, type: 'io.example.other.v1' } as unknown as JsonObject)],
      [
        'a command without an entity',
        encodeJson({ ...good, data: { command: 'apply', fence: 1 } } as unknown as JsonObject),
      ],
      [
        'an unknown command',
        encodeJson({ ...good, data: { ...good.data, command: 'explode' } } as unknown as JsonObject),
      ],
      [
        'a sequence that is no number',
        encodeJson({ ...good, data: { ...good.data, entity: { ...later, sequence: 'x' } } } as unknown as JsonObject),
      ],
      ...['../../escaped', 'a.b', '*', '>'].map(
        (name) =>
          [
            `the name "${name}"`,
            encodeJson({ ...good, data: { ...good.data, entity: named(name) } } as unknown as JsonObject),
          ] as const,
      ),
    ];
    const sequences: number[] = [];
    for (const [, data] of bodies) sequences.push(await putOnChannel(bench, data));
    try {
      await untilQuiet(bench, SET_ASIDE);
    } finally {
      // A component that stumbles over them shall stumble in this check only.
      for (const sequence of sequences) await takeOffChannel(bench, sequence);
    }
    assertRunning(program, 'messages that cannot be read');
    await assertLetters(bench, new Map(bodies.map(([what], index) => [sequences[index] ?? 0, what])));
    await settled(bench, await apply(bench, 'contract-after-malformed'), SET_ASIDE);
    return undefined;
  },
};

const assertAnswer = (answer: JsonObject, expected: JsonObject): void => {
  for (const [name, value] of Object.entries(expected)) {
    if (answer[name] === value) continue;
    throw new Breach({
      expected: `${name}: ${JSON.stringify(value)} in the answer`,
      found: JSON.stringify(answer).slice(0, 300),
      advice: ANSWER,
    });
  }
};

const inside = (answer: JsonObject, field: string): JsonObject => {
  const value = answer[field];
  return isJsonObject(value) ? value : {};
};

export const queries: Check = {
  name: 'queries',
  about: 'answers questions about an entity and its status',
  run: async (bench) => {
    const program = await bench.component();
    const entity = await atRest(bench, await apply(bench, 'contract-queries'), ANSWER);
    const { key } = entity;
    const known = await ask(bench, encodeJson({ id: 'contract-entity', query: 'entity', key }));
    assertAnswer(known, { id: 'contract-entity', key, found: true });
    assertAnswer(inside(known, 'entity'), { uid: entity.uid, sequence: entity.sequence });
    const observed = await ask(bench, encodeJson({ id: 'contract-status', query: 'status', key }));
    assertAnswer(observed, { id: 'contract-status', key, found: true });
    assertAnswer(inside(observed, 'status'), { uid: entity.uid, key, observedGeneration: entity.generation });
    const nobody = `${bench.workspace}.contract-nobody`;
    const unknown = await ask(bench, encodeJson({ id: 'contract-nobody', query: 'entity', key: nobody }));
    assertAnswer(unknown, { id: 'contract-nobody', key: nobody, found: false });
    assertAnswer(await ask(bench, new Uint8Array([0x7b, 0x7b])), { found: false });
    const isPublished = bench.witness.answers.some(({ id }) => id === 'contract-entity');
    if (!isPublished) {
      throw new Breach({
        expected: `the answer on ${bench.api.query.replySubject} as well`,
        found: 'none',
        advice: ANSWER,
      });
    }
    assertRunning(program, 'a question that cannot be read');
    return undefined;
  },
};
