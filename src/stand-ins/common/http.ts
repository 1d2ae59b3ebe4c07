// Reading a request's body and writing a reply, for the server of each stand-in.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Reply } from './reply.ts';

/** As much as Azure Resource Manager takes. */
export const mostBodyBytes = 4 * 1024 * 1024;

/** The body as text, or undefined when it is larger than the API takes. */
export const readBodyText = async (request: IncomingMessage): Promise<string | undefined> => {
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    byteCount += chunk.byteLength;
    if (byteCount <= mostBodyBytes) chunks.push(chunk);
  }
  return byteCount > mostBodyBytes ? undefined : Buffer.concat(chunks).toString('utf8');
};

/** The system's clock, put back. */
export const clockBehind = (behindMs: number): (() => number) =>
  behindMs === 0 ? Date.now : () => Date.now() - behindMs;

/** The header Date as a server with that clock sends it. */
export const dateHeader = (now: () => number): { readonly date: string } => ({ date: new Date(now()).toUTCString() });

export const send = (response: ServerResponse, reply: Reply, headers: Readonly<Record<string, string>>): void => {
  const text = reply.body === undefined ? '' : JSON.stringify(reply.body);
  const contentHeaders = text === '' ? {} : { 'content-type': 'application/json; charset=utf-8' };
  const lengthHeaders =
    reply.status === 204 || reply.status === 304 ? {} : { 'content-length': Buffer.byteLength(text) };
  response.writeHead(reply.status, { ...headers, ...contentHeaders, ...lengthHeaders, ...reply.headers });
  response.end(text);
};
