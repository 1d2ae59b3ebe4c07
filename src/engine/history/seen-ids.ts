// Which command ids a long history holds, in a fraction of their bytes: Bloom filters, each for a stretch of the history and twice as large
// as the one before. "No" is certain; "perhaps" names the stretches that have to be read to know. Kept with snapshots (snapshots.ts), so
// that a command id of years ago is still applied once though nobody reads the years for each new command. Pure, but changed in place.

import { isJsonObject, type JsonValue } from '../../core/json.ts';

/** A stretch of sequences, both ends included. */
export type Stretch = { readonly from: number; readonly to: number };

/** Of the first filter; each has twice the capacity of the one before. */
const FIRST_CAPACITY = 512;
/** Bits for each id, and hashes of it: one id in a thousand that was never there is taken for one that perhaps was. */
const BITS_PER_ID = 14.4;
const HASHES = 10;
/**
 * Together 470 KB for 261,000 ids, which with the state fits one message. What comes after that goes into the last one, whose "perhaps"
 * grows more frequent.
 */
const MAX_LAYERS = 9;

type Layer = { readonly bits: Uint8Array; count: number; from: number; to: number };

export type SeenIds = {
  readonly count: number;
  /** In the order of their sequences: those of the first and the last event of the command. */
  add(id: string, first: number, last?: number): void;
  /** Where the id perhaps is; empty: it is nowhere. */
  find(id: string): readonly Stretch[];
  toJson(): JsonValue;
};

const capacityOf = (index: number): number => FIRST_CAPACITY * 2 ** index;
const bytesOf = (index: number): number => Math.ceil((capacityOf(index) * BITS_PER_ID) / 8);

const mixed = (value: number): number => {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
};

/** Two independent hashes; the others are made of them. */
const hashesOf = (id: string): readonly [number, number] => {
  let [first, second] = [0x811c9dc5, 0x9747b28c];
  for (let index = 0; index < id.length; index += 1) {
    const code = id.charCodeAt(index);
    first = Math.imul(first ^ code, 0x01000193);
    second = Math.imul(second ^ code, 0x5bd1e995);
  }
  return [mixed(first), mixed(second) | 1];
};

const eachBit = (
  bits: Uint8Array,
  [first, second]: readonly [number, number],
  visit: (bit: number) => boolean,
): boolean => {
  const size = bits.length * 8;
  for (let index = 0; index < HASHES; index += 1) {
    if (!visit((first + index * (second >>> 0)) % size)) return false;
  }
  return true;
};

const isSet = (bits: Uint8Array, bit: number): boolean => ((bits[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0;

const madeOf = (layers: Layer[]): SeenIds => ({
  get count() {
    return layers.reduce((sum, { count }) => sum + count, 0);
  },
  add: (id, first, last = first) => {
    let layer = layers.at(-1);
    const isFull = layer === undefined || layer.count >= capacityOf(layers.length - 1);
    if (layer === undefined || (isFull && layers.length < MAX_LAYERS)) {
      layer = { bits: new Uint8Array(bytesOf(layers.length)), count: 0, from: first, to: last };
      layers.push(layer);
    }
    const { bits } = layer;
    eachBit(bits, hashesOf(id), (bit) => {
      bits[bit >>> 3] = (bits[bit >>> 3] ?? 0) | (1 << (bit & 7));
      return true;
    });
    layer.count += 1;
    layer.from = Math.min(layer.from, first);
    layer.to = Math.max(layer.to, last);
  },
  find: (id) => {
    const hashes = hashesOf(id);
    return layers
      .filter(({ bits }) => eachBit(bits, hashes, (bit) => isSet(bits, bit)))
      .map(({ from, to }) => ({ from, to }));
  },
  toJson: () =>
    layers.map(({ bits, ...facts }) => ({
      ...facts,
      bits: Buffer.from(bits.buffer, bits.byteOffset, bits.byteLength).toString('base64'),
    })),
});

export const createSeenIds = (): SeenIds => madeOf([]);

const layerFrom = (value: JsonValue, index: number): Layer | undefined => {
  if (!isJsonObject(value)) return undefined;
  const { bits, count, from, to } = value;
  if (typeof bits !== 'string' || typeof count !== 'number' || typeof from !== 'number' || typeof to !== 'number')
    return undefined;
  const bytes = new Uint8Array(Buffer.from(bits, 'base64'));
  return bytes.length === bytesOf(index) ? { bits: bytes, count, from, to } : undefined;
};

/** What `toJson` gave; undefined when it is not. */
export const seenIdsFrom = (value: JsonValue | undefined): SeenIds | undefined => {
  if (!Array.isArray(value) || value.length > MAX_LAYERS) return undefined;
  const layers: Layer[] = [];
  for (const [index, one] of value.entries()) {
    const layer = layerFrom(one, index);
    if (layer === undefined) return undefined;
    layers.push(layer);
  }
  return madeOf(layers);
};
