// src/README.md, held against src: all rooms are in its table, and decisions can be referred to by their numbers.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const src = new URL('../../src/', import.meta.url);
const readme = readFileSync(new URL('README.md', src), 'utf8');
const numbers = [...readme.matchAll(/^(\d+)\. \*\*/gm)].map(([, number]) => Number(number));

describe('the page about the inside', () => {
  it('has all rooms', () => {
    const rooms = readdirSync(src, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [one.name] : []));
    assert.ok(rooms.length > 12);
    assert.deepEqual(
      rooms.filter((room) => !readme.includes(`| \`${room}\``) && !readme.includes(`| \`${room}/*\``)),
      [],
    );
  });

  it('counts its decisions', () => {
    assert.ok(numbers.length > 20);
    assert.deepEqual(
      numbers,
      numbers.map((_, at) => at + 1),
    );
  });

  it('has the decisions that are referred to', () => {
    const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(?:ts|md)$/.test(name));
    const texts = files.map((name) => readFileSync(new URL(name, src), 'utf8'));
    const referred = texts.flatMap((text) =>
      [...text.matchAll(/\bdecision (\d+)/g)].map(([, number]) => Number(number)),
    );
    assert.ok(referred.length > 0);
    assert.deepEqual(
      referred.filter((number) => !numbers.includes(number)),
      [],
    );
  });
});
