// What doctor says of the views: whether each can be what its stream says, as far as that is seen without reading the stream (`opstream verify`
// reads it), and what the projector has set aside.

import { isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import { sequenceIn } from '../../engine/loops/position.ts';
import { viewAhead } from '../../engine/history/view-trust.ts';
import type { Client } from '../../client/types.ts';
import { printable } from '../../core/names.ts';
import { viewKeys, type Names } from '../../messages/subjects.ts';
import { REBUILD_HINT } from '../../messages/view-documents.ts';
import { statsOf } from '../verbs/doctor-store.ts';
import { ask, bad, good, numberIn, type Finding } from './findings.ts';

const EMPTY = new Uint8Array();

const viewFinding = async (client: Client, bucket: string, stream: string): Promise<Finding> => {
  const key = viewKeys.checkpoint(stream);
  const what = `view ${bucket} of ${stream}`;
  try {
    const data = await client.request(`$JS.API.DIRECT.GET.KV_${bucket}.$KV.${bucket}.${key}`, EMPTY);
    if (data.length === 0) return good(what, 'nothing is in it yet');
    const position = sequenceIn({ data });
    if (position === undefined) return bad(what, `its ${key} cannot be read; ${REBUILD_HINT}`);
    const end = numberIn(await ask(client, `$JS.API.STREAM.INFO.${stream}`), 'state', 'last_seq');
    return position > end
      ? bad(what, viewAhead(bucket, stream, position, end).message)
      : good(what, `is at #${position}`);
  } catch (error) {
    if (!isFault(error)) throw error;
    return bad(what, error.message);
  }
};

const setAsideFinding = async (client: Client, names: Names): Promise<readonly Finding[]> => {
  const subject = names.dead('projector');
  const info = await ask(client, `$JS.API.STREAM.INFO.${names.streams.dead}`, { subjects_filter: subject });
  const count = numberIn(info, 'state', 'subjects', subject);
  if (count === 0) return [];
  const last = await ask(client, `$JS.API.DIRECT.GET.${names.streams.dead}.${subject}`);
  const where = isJsonObject(last)
    ? `; the last: ${printable(last['stream'])} #${printable(last['sequence'])}, ${printable(last['reason'])}`
    : '';
  return [good('set aside', `${count} messages that are none of ours${where}; \`opstream verify\` lists them`)];
};

/** As a query-responder sees them, which has read them all. */
const damageFindings = async (client: Client, names: Names): Promise<readonly Finding[]> => {
  const damage = (await statsOf(client, names.services.queryResponder))?.['damage'];
  return Object.entries(isJsonObject(damage) ? damage : {}).map(([bucket, found]) => {
    const count = numberIn(found, 'count');
    const keys = isJsonObject(found) && Array.isArray(found['first']) ? found['first'].map(printable) : [];
    const rest = count > keys.length ? `, and ${count - keys.length} more` : '';
    const what = `${count} ${count === 1 ? 'document' : 'documents'} cannot be read: ${keys.join(', ')}${rest}`;
    return bad(`documents of ${bucket}`, `${what}; ${REBUILD_HINT}`);
  });
};

export const viewFindings = async (client: Client, names: Names): Promise<readonly Finding[]> => {
  const { buckets, streams } = names;
  const views = [
    [buckets.operators, streams.events],
    [buckets.operators, streams.status],
    [buckets.entities, streams.events],
    [buckets.entities, streams.status],
    [buckets.secrets, streams.events],
  ] as const;
  const found = await Promise.all(views.map(([bucket, stream]) => viewFinding(client, bucket, stream)));
  return [...found, ...(await damageFindings(client, names)), ...(await setAsideFinding(client, names))];
};
