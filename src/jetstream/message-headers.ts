// Headers of a message that arrived, by exact name; those of W3C trace context in any case, as HTTP libraries pass them on (`Traceparent`). The library goes through the list of names twice for each question, and whoever reads a
// command asks seven; here they are taken apart once, when the first question comes.

import type { MsgHdrs } from 'nats';

const nameOf = (key: string): string => {
  if (key.length !== 11 && key.length !== 10) return key;
  const lower = key.toLowerCase();
  return lower === 'traceparent' || lower === 'tracestate' ? lower : key;
};

/** The first value of a header; undefined when the message has none of that name. */
export type HeaderReader = (name: string) => string | undefined;

export const headerReader = (message: { readonly headers?: MsgHdrs | undefined }): HeaderReader => {
  let fields: Map<string, string> | undefined;
  return (name) => {
    if (fields === undefined) {
      const { headers } = message;
      if (headers === undefined) return undefined;
      fields = new Map();
      for (const [key, [first = '']] of headers) fields.set(nameOf(key), first);
    }
    return fields.get(name);
  };
};
