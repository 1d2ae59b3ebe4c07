// What a forced deletion or a release leaves outside, for people: a line for each thing, and what can be done about it. Pure.

import type { LeftBehind, LeftBehindItem } from '../messages/left-behind.ts';
import type { Identity } from '../client/types.ts';
import { printable } from '../messages/names.ts';

const itemLine = (item: LeftBehindItem): string => {
  const { workspace, name, operator, resourceType, externalName, externalId, status, runtime } = item;
  const named = externalName === undefined ? '' : `named ${printable(externalName)} outside, `;
  const outside = `${named}${externalId === undefined ? 'no external id was reported' : `external id ${printable(externalId)}`}`;
  const seen = [status, runtime].filter((part) => part !== undefined).join(' ');
  return `  (${workspace}) ${name}: ${operator}/${resourceType}, ${outside}, last seen ${seen}`;
};

/** `target`: what was deleted or released. */
export const leftBehindLines = ({ total, items }: LeftBehind, target: Identity): readonly string[] => {
  const isOperator = target.kind === 'operator';
  const head = isOperator
    ? `${total} ${total === 1 ? 'resource stays' : 'resources stay'} declared without an operator; what ${total === 1 ? 'it has' : 'they have'} outside is left as it is:`
    : 'left outside as it is; nothing here knows it any more:';
  const more = total > items.length ? [`  and ${total - items.length} more`] : [];
  const advice = isOperator
    ? [
        `  list them: opstream get -t resource -a --operator ${target.name} --orphaned`,
        `  adopt them: register an operator named ${target.name} again`,
        '  let go of one: opstream release -n NAME -w WORKSPACE --force',
      ]
    : [];
  return [head, ...items.map(itemLine), ...more, ...advice];
};
