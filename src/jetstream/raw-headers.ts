// Headers written straight to bytes. The library's MsgHdrs is a Map that is checked and joined again for each message; on the publish
// path that costs more than the publish. Values come from our own code, and CR or LF in one would be protocol: refused.

import type { MsgHdrs } from 'nats';

const encoder = new TextEncoder();

/** Something that `nc.publish` takes as headers: it only calls `encode()`. */
export const rawHeaders = (fields: Readonly<Record<string, string | number | undefined>>): MsgHdrs => {
  let text = 'NATS/1.0\r\n';
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value === undefined) continue;
    const line = String(value);
    if (line.includes('\r') || line.includes('\n')) throw new Error(`header ${name} has a line break`);
    text += `${name}: ${line}\r\n`;
  }
  const bytes = encoder.encode(`${text}\r\n`);
  return { encode: () => bytes } as unknown as MsgHdrs;
};
