// What a forced deletion or a release leaves outside, for people: a line for each thing, and what can be done about it. Pure.

import type { LeftBehind, LeftBehindItem, LeftStorage } from '../messages/left-behind.ts';
import type { Identity } from '../client/types.ts';
import { printable } from '../core/names.ts';

const itemLine = (item: LeftBehindItem): string => {
  const { workspace, name, operator, resourceType, externalName, externalId, status, runtime } = item;
  const named = externalName === undefined ? '' : `named ${printable(externalName)} outside, `;
  const outside = `${named}${externalId === undefined ? 'no external id was reported' : `external id ${printable(externalId)}`}`;
  const seen = [status, runtime].filter((part) => part !== undefined).join(' ');
  return `  (${workspace}) ${name}: ${operator}/${resourceType}, ${outside}, last seen ${seen}`;
};

const whyKept = ({ reason, messages }: LeftStorage): string => {
  if (reason === 'NotEmpty') return `${messages ?? 'some'} ${messages === 1 ? 'message' : 'messages'}`;
  return reason === 'NotOurs' ? 'not made by opstream' : 'unreadable';
};

/** `stream adf-commands (12 messages)` */
export const storageText = (one: LeftStorage): string =>
  `${one.kind} ${printable(one.name)} (${printable(whyKept(one))})`;

const advice: Readonly<Record<LeftStorage['reason'], string>> = {
  NotEmpty: 'it goes by itself once it is empty and nobody uses it',
  NotOurs: 'opstream did not make it, or somebody added subjects to it: it stays until you remove it',
  Unreadable: 'nobody can say whether it is empty: it goes by itself once it can be read and is empty',
};

/** What a deleted operator leaves on the NATS server: a line for each. */
export const leftStorageLines = (storage: readonly LeftStorage[], operator: string): readonly string[] =>
  storage.length === 0
    ? []
    : [
        `operator ${operator} is gone and leaves on the NATS server:`,
        ...storage.map((one) => `  ${storageText(one)}: ${advice[one.reason] ?? 'it stays'}`),
      ];

/** `target`: what was deleted or released. */
export const leftBehindLines = ({ total, items }: LeftBehind, target: Identity): readonly string[] => {
  const isOperator = target.kind === 'operator';
  const head = isOperator
    ? `${total} ${total === 1 ? 'resource stays' : 'resources stay'} declared without an operator; what ${total === 1 ? 'it has' : 'they have'} outside is left as it is:`
    : 'left outside as it is; nothing here knows it any more:';
  const more = total > items.length ? [`  and ${total - items.length} more`] : [];
  const whatToDo = isOperator
    ? [
        `  list them: opstream get -t resource -a --operator ${target.name} --orphaned`,
        `  adopt them: register an operator named ${target.name} again`,
        '  let go of one: opstream release -n NAME -w WORKSPACE --force',
      ]
    : [];
  return [head, ...items.map(itemLine), ...more, ...whatToDo];
};
