import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAppendQueue, type Unit } from '../../../src/jetstream/append-queue.ts';

const unit = (...subjects: readonly string[]): Unit => ({
  messages: subjects.map((subject) => ({ subject, id: subject, data: new Uint8Array(10), expectedLastSequence: 0 })),
  deadlineMs: 100,
  resolve: () => undefined,
  reject: () => undefined,
  failures: 0,
  signal: undefined,
  isOver: false,
  onAnswer: undefined,
});
const subjectsOf = (units: readonly Unit[]) =>
  units.map(({ messages }) => messages.map(({ subject }) => subject).join('+'));
const queueOf = (...units: readonly Unit[]) => {
  const queue = createAppendQueue();
  for (const one of units) queue.push(one);
  return queue;
};

describe('append queue', () => {
  it('groups what shares no subject and leaves the rest in order', () => {
    const queue = queueOf(unit('a'), unit('b'), unit('a'), unit('c'), unit('a'));
    assert.deepEqual(subjectsOf(queue.takeGroup(10)), ['a', 'b', 'c']);
    assert.equal(queue.messageCount, 2);
    assert.deepEqual(subjectsOf(queue.takeGroup(10)), ['a']);
    assert.deepEqual(subjectsOf(queue.takeGroup(10)), ['a']);
    assert.equal(queue.length, 0);
  });

  it('takes several of a subject when only the first expects a sequence', () => {
    const free = (subject: string): Unit => ({
      ...unit(subject),
      messages: [{ subject, id: subject, data: new Uint8Array(10) }],
    });
    const queue = queueOf(unit('a'), free('a'), free('b'), unit('b'), free('b'), free('a'));
    assert.deepEqual(subjectsOf(queue.takeGroup(10)), ['a', 'a', 'b', 'a']);
    assert.deepEqual(subjectsOf(queue.takeGroup(10)), ['b', 'b']);
  });

  it('does not let an append overtake one with a subject in common that was left', () => {
    const queue = queueOf(unit('a'), unit('a', 'b'), unit('b'), unit('c'));
    assert.deepEqual(subjectsOf(queue.takeGroup(10)), ['a', 'c']);
    assert.deepEqual(subjectsOf(queue.takeGroup(10)), ['a+b']);
    assert.deepEqual(subjectsOf(queue.takeGroup(10)), ['b']);
  });

  it('never splits an append, and takes one that is larger than a group by itself', () => {
    const queue = queueOf(unit('a'), unit('b', 'c', 'd'), unit('e'));
    assert.deepEqual(subjectsOf(queue.takeGroup(3)), ['a', 'e']);
    assert.deepEqual(subjectsOf(queue.takeGroup(2)), ['b+c+d']);
  });

  it('puts back in front, and counts', () => {
    const queue = queueOf(unit('a'), unit('b'));
    const taken = queue.takeGroup(1);
    queue.push(unit('c'));
    queue.putBack(taken);
    assert.equal(queue.messageCount, 3);
    assert.deepEqual(
      [queue.shift(), queue.shift(), queue.shift()].map((one) => one?.messages[0]?.subject),
      ['a', 'b', 'c'],
    );
    assert.equal(queue.shift(), undefined);
  });

  it('gives out what is late', () => {
    const queue = queueOf(unit('a'), { ...unit('b'), deadlineMs: 200 });
    assert.deepEqual(subjectsOf(queue.takeWhere(({ deadlineMs }) => deadlineMs <= 150)), ['a']);
    assert.equal(queue.messageCount, 1);
    assert.deepEqual(subjectsOf(queue.takeGroup(10)), ['b']);
  });

  it('stays right over many', () => {
    const queue = createAppendQueue();
    for (let index = 0; index < 20_000; index += 1) queue.push(unit(`s${index % 3000}`));
    let seen = 0;
    while (queue.length > 0) {
      const group = subjectsOf(queue.takeGroup(512));
      assert.equal(new Set(group).size, group.length);
      seen += group.length;
    }
    assert.equal(seen, 20_000);
    assert.equal(queue.messageCount, 0);
  });
});
