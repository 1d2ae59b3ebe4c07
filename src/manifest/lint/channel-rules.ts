// The channel is written down twice in an operator's manifest: in `natsApi`, where the operator-runtime sends commands, and in the variables of
// a component, which reads them there. One letter of difference, and nothing ever arrives.

import { printable } from '../../core/names.ts';
import { nearestName } from '../../json-schema/nearest.ts';
import type { Finding } from '../../messages/finding.ts';
import {
  channelParts,
  type ChannelPart,
  type ChannelView,
  type ComponentView,
  type OperatorView,
} from './operator-view.ts';

const START = 'ENTITY_OF_INTEREST_MESSAGE_';
const VARIABLES: Readonly<Record<ChannelPart, string>> = {
  stream: `${START}STREAM`,
  commandSubject: `${START}COMMAND_SUBJECT`,
  querySubject: `${START}QUERY_SUBJECT`,
  replySubject: `${START}QUERY_REPLY_SUBJECT`,
};
const FIELDS: Readonly<Record<ChannelPart, string>> = {
  stream: 'natsApi.command.stream',
  commandSubject: 'natsApi.command.subject',
  querySubject: 'natsApi.query.subject',
  replySubject: 'natsApi.query.replySubject',
};
const CONSEQUENCES: Readonly<Record<ChannelPart, string>> = {
  stream: 'its commands never arrive',
  commandSubject: 'its commands never arrive',
  querySubject: 'it is never asked for a status',
  replySubject: 'its answers go where nobody listens',
};

/** The resource type that the component means: the one that shares most values with its variables. */
const meantBy = (component: ComponentView, channels: readonly ChannelView[]): ChannelView | undefined => {
  const shares = (channel: ChannelView): number =>
    channelParts.filter((part) => component.variables.get(VARIABLES[part])?.text === channel.values[part]).length +
    (component.variables.get(VARIABLES.commandSubject)?.text === channel.values.commandSubject ? 0.5 : 0);
  let best: ChannelView | undefined;
  for (const channel of channels) if (best === undefined || shares(channel) > shares(best)) best = channel;
  return best;
};

const mismatches = (component: ComponentView, { channels }: OperatorView): readonly Finding[] => {
  const meant = meantBy(component, channels);
  if (meant === undefined) return [];
  return channelParts.flatMap((part): readonly Finding[] => {
    const variable = component.variables.get(VARIABLES[part]);
    if (variable === undefined || variable.text === meant.values[part]) return [];
    const wanted = meant.values[part];
    const all = channels.map(({ values }) => values[part]);
    const nearest = nearestName(variable.text, [wanted, ...all]);
    const derived = meant.pointers === undefined ? ' (from the names, because the manifest has no natsApi)' : '';
    return [
      {
        code: 'CHANNEL_MISMATCH',
        severity: 'warning',
        message:
          `component "${printable(component.name)}" has ${VARIABLES[part]} "${printable(variable.text)}", but ${FIELDS[part]} of ` +
          `"${printable(meant.type)}" is "${printable(wanted)}"${derived}: ${CONSEQUENCES[part]}`,
        hint: nearest === undefined ? 'make the two agree' : `did you mean "${printable(nearest)}"? make the two agree`,
        pointer: variable.pointer,
      },
    ];
  });
};

/** Types whose commands no component reads. Only said when every component says what it reads. */
const unread = ({ components, channels }: OperatorView): readonly Finding[] => {
  const read = components.map(({ variables }) => variables.get(VARIABLES.commandSubject)?.text);
  const known = new Set(channels.map(({ values }) => values.commandSubject));
  if (read.length === 0 || !read.every((subject) => subject !== undefined && known.has(subject))) return [];
  return channels.flatMap(({ type, values, pointers }): readonly Finding[] =>
    read.includes(values.commandSubject)
      ? []
      : [
          {
            code: 'CHANNEL_UNREAD',
            severity: 'warning',
            message: `no component reads the commands of "${printable(type)}" (subject "${printable(values.commandSubject)}")`,
            hint: `give one of them ${VARIABLES.commandSubject} of that subject`,
            pointer: pointers?.commandSubject ?? '/operator/resources',
          },
        ],
  );
};

export const channelFindings = (view: OperatorView): readonly Finding[] => [
  ...view.components.flatMap((component) => mismatches(component, view)),
  ...unread(view),
];
