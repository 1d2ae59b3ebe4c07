// W3C trace context: one header, `traceparent`, that goes from a command to its events, to the command for the component, to its
// statuses and to the calls that it makes outside. What does not follow the syntax is as good as absent. Ids that are random enough are
// here already (UUIDs), so no randomness is needed.

const SYNTAX = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const VERSION_00 = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);
const MAX_LENGTH = 256;

export type TraceContext = { readonly traceId: string; readonly spanId: string; readonly flags: string };

/** undefined: not a traceparent. One of a later version is read as far as version 00 goes, as the recommendation has it. */
export const parseTraceparent = (text: unknown): TraceContext | undefined => {
  if (typeof text !== 'string' || text.length > MAX_LENGTH) return undefined;
  const [, version, traceId, spanId, flags, more] = SYNTAX.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const isKnownShape = version !== 'ff' && (version !== '00' || more === undefined);
  return isKnownShape && traceId !== NO_TRACE && spanId !== NO_SPAN ? { traceId, spanId, flags } : undefined;
};

export const formatTraceparent = ({ traceId, spanId, flags }: TraceContext): string =>
  `00-${traceId}-${spanId}-${flags}`;

/** In the form of version 00; undefined: not a traceparent. */
export const validTraceparent = (text: unknown): string | undefined => {
  // Each command passes here: what is in that form already needs no taking apart.
  if (typeof text === 'string' && VERSION_00.test(text)) return text;
  const context = parseTraceparent(text);
  return context === undefined ? undefined : formatTraceparent(context);
};

/** A new, sampled trace named after a UUID: its digits are the trace id, the random half of them the span id. undefined: no UUID. */
export const traceparentOf = (uuid: string): string | undefined => {
  if (!UUID.test(uuid)) return undefined;
  const random = uuid.slice(19, 23) + uuid.slice(24);
  return `00-${uuid.slice(0, 8)}${uuid.slice(9, 13)}${uuid.slice(14, 18)}${random}-${random}-01`;
};
