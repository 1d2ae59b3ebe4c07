// Rules on the variables, arguments and ports of components: names that are nearly right, values that will be refused when the component
// starts, settings of the published SDK that mean something else here, and components that get in each other's way.

import { printable } from '../../core/names.ts';
import { nearestName } from '../../json-schema/nearest.ts';
import type { Finding } from '../../messages/finding.ts';
import { knownVariables } from './known-variables.ts';
import type { ComponentView, OperatorView, Placed } from './operator-view.ts';

const KNOWN = Object.keys(knownVariables);
/** Names that can hardly be meant as anything else. */
const OURS = /^(?:OPERATOR|ENTITY_OF_INTEREST|ELECTION|MESSAGE|METRIC)_/;
const MAX_EDITS_OF_OURS = 8;
const MAX_EDITS = 2;
const QUEUE = 'ENTITY_OF_INTEREST_MESSAGE_QUEUE';
const SUBJECT = 'ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT';

const warning = (code: string, message: string, hint: string, pointer: string): Finding => ({
  code,
  severity: 'warning',
  message,
  hint,
  pointer,
});

const variableFindings = ({ variables }: ComponentView): readonly Finding[] =>
  [...variables].flatMap(([name, { text, pointer }]): readonly Finding[] => {
    const check = Object.hasOwn(knownVariables, name) ? knownVariables[name] : undefined;
    if (check !== undefined) {
      const expected = check(text);
      if (expected === undefined) return [];
      const message = `${name}: expected ${expected}; found "${printable(text)}"`;
      return [warning('VARIABLE_INVALID', message, 'a component made with the SDK refuses to start with it', pointer)];
    }
    const nearest = nearestName(
      name,
      KNOWN,
      OURS.test(name) ? Math.min(MAX_EDITS_OF_OURS, Math.floor(name.length / 3)) : MAX_EDITS,
    );
    if (nearest === undefined || variables.has(nearest)) return [];
    const message = `the variable ${printable(name)} is not known here`;
    return [warning('VARIABLE_UNKNOWN', message, `did you mean ${nearest}?`, pointer)];
  });

/** OPSTREAM_COMPUTES may name others; the lint does not know the instance. */
const COMPUTES = ['runnable-default', 'process', 'container', 'external'];

const computeFindings = ({ compute }: ComponentView): readonly Finding[] => {
  if (compute === undefined || COMPUTES.includes(compute.text)) return [];
  const message = `the compute "${printable(compute.text)}" is none that an instance knows by itself; without it the component is not started`;
  const hint = `name it in OPSTREAM_COMPUTES of the operator-runtime, or use ${COMPUTES.filter((name) => name !== 'process').join(', ')}`;
  return [{ code: 'COMPUTE_UNKNOWN', severity: 'note', message, hint, pointer: compute.pointer }];
};

const electionFindings = ({ name, replicas, variables }: ComponentView): readonly Finding[] => {
  const size = variables.get('ELECTION_CLUSTER_SIZE');
  if (size === undefined || replicas === undefined || !/^\d+$/.test(size.text) || Number(size.text) === replicas) {
    return [];
  }
  const effect =
    Number(size.text) < replicas
      ? 'an election by quorum would let more than one of them lead at a time'
      : 'an election by quorum could find no majority among them';
  const message =
    `ELECTION_CLUSTER_SIZE is ${size.text}, but "${printable(name)}" has ${replicas} replicas: ${effect}. ` +
    'Here it is a lease that elects, whatever this says: one replica leads, the others stand by';
  return [warning('ELECTION_SIZE', message, `set it to ${replicas}, or leave it out`, size.pointer)];
};

const stateFileFindings = (component: ComponentView): readonly Finding[] =>
  component.arguments
    .filter(({ text }) => /^--?electionStateFile(?:=|$)/i.test(text))
    .map(({ pointer }) => ({
      code: 'ELECTION_STATE_FILE',
      severity: 'note',
      message: '--electionStateFile is accepted and not used: the lease that elects the leader needs no file',
      hint: 'it can be left out',
      pointer,
    }));

const metricPortFindings = ({ name, variables, ports }: ComponentView): readonly Finding[] => {
  const port = variables.get('METRIC_PORT');
  const declared = ports.find((one) => one.name === 'metrics');
  if (port === undefined && declared === undefined) return [];
  if (port === undefined) {
    const message = `"${printable(name)}" has a port named metrics, but no METRIC_PORT: nothing listens there`;
    return [warning('METRIC_PORT', message, 'set METRIC_PORT to its targetPort', declared?.pointer ?? '')];
  }
  if (declared === undefined) {
    const message = `"${printable(name)}" has METRIC_PORT ${printable(port.text)}, but no port named metrics`;
    return [
      {
        ...warning('METRIC_PORT', message, 'add it to ports, so that it can be found', port.pointer),
        severity: 'note',
      },
    ];
  }
  if (String(declared.targetPort) === port.text) return [];
  const message = `METRIC_PORT is ${printable(port.text)}, but the targetPort of the port named metrics is ${printable(declared.targetPort)}`;
  return [warning('METRIC_PORT', message, 'make the two agree', port.pointer)];
};

/** The first other component with the same value of a variable. */
const sharedWith = (
  { components }: OperatorView,
  at: number,
  variable: string,
): { readonly other: ComponentView; readonly mine: Placed } | undefined => {
  const mine = components[at]?.variables.get(variable);
  if (mine === undefined) return undefined;
  const other = components.slice(0, at).find(({ variables }) => variables.get(variable)?.text === mine.text);
  return other === undefined ? undefined : { other, mine };
};

const sharedFindings = (view: OperatorView): readonly Finding[] =>
  view.components.flatMap(({ name, variables }, index) => {
    const findings: Finding[] = [];
    const port = sharedWith(view, index, 'METRIC_PORT');
    if (port !== undefined && port.mine.text !== '0') {
      const message = `"${printable(port.other.name)}" and "${printable(name)}" have the same METRIC_PORT ${printable(port.mine.text)}: on one host only one of them can have it`;
      findings.push(warning('METRIC_PORT_SHARED', message, 'give each its own', port.mine.pointer));
    }
    const queue = sharedWith(view, index, QUEUE);
    if (queue !== undefined && queue.other.variables.get(SUBJECT)?.text !== variables.get(SUBJECT)?.text) {
      const message = `"${printable(queue.other.name)}" and "${printable(name)}" have the same ${QUEUE} "${printable(queue.mine.text)}" for different subjects: they take each other's commands away`;
      findings.push(warning('QUEUE_SHARED', message, 'give each its own', queue.mine.pointer));
    }
    return findings;
  });

export const componentFindings = (view: OperatorView): readonly Finding[] => [
  ...view.components.flatMap((component) => [
    ...variableFindings(component),
    ...computeFindings(component),
    ...electionFindings(component),
    ...stateFileFindings(component),
    ...metricPortFindings(component),
  ]),
  ...sharedFindings(view),
];
