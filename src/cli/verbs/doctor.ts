// doctor: whether an instance is whole: the server, its streams, the services that answer, and who holds the leases. Each line says what
// to do when something is missing. Exit code 1 when something is.

import { isJsonObject } from '../../core/json.ts';
import { exitCodes } from '../../program/lifecycle.ts';
import type { Client, ServicePresence } from '../../client/types.ts';
import { lacksOf, statsOf, storeTrouble } from './doctor-store.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import type { Names } from '../../messages/subjects.ts';
import { ask, bad, good, numberIn, warning, type Finding } from '../doctor/findings.ts';
import { streamFindings } from '../doctor/streams.ts';
import { viewFindings } from '../doctor/views.ts';
import { outputOf, printAs } from '../reporting.ts';
import { commonFlags, type Verb } from '../verb.ts';
import { withoutUser } from '../../core/server-address.ts';

/** What waits for a repair; the damage itself is told with the streams and the views. */
const parkedFindings = async (client: Client, copies: readonly ServicePresence[]): Promise<readonly Finding[]> => {
  const stats = await Promise.all(copies.map(({ name, id }) => statsOf(client, `${name}.${id}`)));
  const parked = stats.reduce((sum, one) => sum + numberIn(one, 'series', metricCatalogue.commandsParked.name), 0);
  if (parked === 0) return [];
  const text = `${parked} on what is damaged, or behind such a one, are carried out when it is mended; the log of the command-handler names them`;
  return [warning('durable commands', text)];
};

const serviceFindings = async (client: Client, names: Names): Promise<readonly Finding[]> => {
  const present = await client.services();
  const copiesOf = (service: string) => present.filter(({ name }) => name === service);
  const ofEach = await Promise.all(
    Object.values(names.services).map(async (name) => {
      const copies = copiesOf(name);
      if (copies.length === 0) return bad(name, 'does not answer; start one with `opstream up`');
      const lacking = await lacksOf(client, name);
      if (lacking.length > 0) return bad(name, `answers, and is not ready: ${lacking.join('; ')}`);
      const versions = [...new Set(copies.map(({ version }) => version))].join(', ');
      return good(name, `${copies.length} answering, version ${versions}`);
    }),
  );
  return [...ofEach, ...(await parkedFindings(client, copiesOf(names.services.commandHandler)))];
};

const storeFinding = async (client: Client, names: Names): Promise<Finding> => {
  const trouble = await storeTrouble(client, names);
  return trouble === undefined ? good('store', 'takes what is written') : bad('store', trouble);
};

const holderOf = async (client: Client, bucket: string, lease: string): Promise<string | undefined> => {
  // A lease that was released is an empty message, and one that was never held is none at all.
  const value = await ask(client, `$JS.API.DIRECT.GET.KV_${bucket}.$KV.${bucket}.${lease}`);
  return typeof value?.['holder'] === 'string' ? value['holder'] : undefined;
};

/** Leases without which something stands still, and what that is. */
const NEEDED_LEASES: Readonly<Record<string, string>> = {
  projector: 'no projector is running, so nothing that happens becomes visible',
  'operator-runtime': 'no operator-runtime is running, so components are told nothing',
  'command-intake': 'no command-handler takes what is published on the cmd subjects',
};

const leaseFindings = async (client: Client, names: Names): Promise<readonly Finding[]> => {
  const bucket = names.buckets.leases;
  const info = await ask(client, `$JS.API.STREAM.INFO.KV_${bucket}`, { subjects_filter: `$KV.${bucket}.>` });
  const state = info?.['state'];
  const subjects = isJsonObject(state) && isJsonObject(state['subjects']) ? Object.keys(state['subjects']) : [];
  const leases = [
    ...new Set([...Object.keys(NEEDED_LEASES), ...subjects.map((subject) => subject.split('.').at(-1) ?? '')]),
  ].sort();
  const findings = await Promise.all(
    leases.map(async (lease): Promise<readonly Finding[]> => {
      const holder = await holderOf(client, bucket, lease);
      if (holder !== undefined) return [good(`lease ${lease}`, `held by ${holder}`)];
      const needed = NEEDED_LEASES[lease];
      // Other keys of the bucket hold positions, not leases.
      return needed === undefined
        ? []
        : [bad(`lease ${lease}`, `held by nobody: ${needed}; start one with \`opstream up\``)];
    }),
  );
  return findings.flat();
};

const lineOf = ({ what, isGood, isWarning, text }: Finding): string => {
  const mark = isWarning === true ? 'WARN' : 'ok  ';
  return `${isGood ? mark : 'FAIL'} ${what}: ${text}`;
};

export const doctorVerb: Verb = {
  name: 'doctor',
  about: 'check the server, the streams, the services, the leases and the views',
  usage: '[-o json|yaml]',
  flags: { output: commonFlags.output },
  run: async (args, context) => {
    const { terminal, names, config } = context;
    const output = outputOf(args);
    const client = await context.connect();
    const [ofStore, ofStreams, ofServices, ofLeases, ofViews] = await Promise.all([
      storeFinding(client, names),
      streamFindings(client, names),
      serviceFindings(client, names),
      leaseFindings(client, names),
      viewFindings(client, names),
    ]);
    const findings = [
      good('nats-server', `version ${client.serverVersion} at ${withoutUser(config.natsUrl)}`),
      ofStore,
      ...ofStreams,
      ...ofServices,
      ...ofLeases,
      ...ofViews,
    ];
    const isWhole = findings.every(({ isGood }) => isGood);
    if (output !== undefined) printAs(context, output, { isWhole, findings });
    else for (const finding of findings) terminal.out(lineOf(finding));
    return isWhole ? exitCodes.done : exitCodes.failed;
  },
};
