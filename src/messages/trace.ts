// W3C trace context: the header `traceparent`, and `tracestate` where it came along, go from a command to its events, to the command for the component, to its
// statuses and to the calls that it makes outside. What does not follow the syntax is as good as absent. Ids that are random enough are
// here already (UUIDs), so no randomness is needed.

const SYNTAX = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const VERSION_00 = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);
const MAX_LENGTH = 256;

export type TraceHeaders = { readonly traceparent?: string; readonly tracestate?: string };
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

const MAX_STATE_LENGTH = 512;
const MAX_STATE_MEMBERS = 32;
/** `vendor=opaque` or `tenant@vendor=opaque`. */
const STATE_MEMBER =
  /^[a-z0-9][a-z0-9_*/-]{0,240}(?:@[a-z0-9][a-z0-9_*/-]{0,13})?=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** As it came; undefined: not a tracestate, or one longer than the 512 characters that everybody must pass on. */
export const validTracestate = (text: unknown): string | undefined => {
  if (typeof text !== 'string' || text === '' || text.length > MAX_STATE_LENGTH) return undefined;
  const members = text.split(',').map((member) => member.trim());
  const given = members.filter((member) => member !== '');
  const fits = given.length > 0 && members.length <= MAX_STATE_MEMBERS && given.every((one) => STATE_MEMBER.test(one));
  return fits ? text : undefined;
};

/** Headers by which a command goes on in the trace of what caused it; none when that has no trace. */
export const traceHeaders = (cause: {
  readonly traceparent?: unknown;
  readonly tracestate?: unknown;
}): TraceHeaders => {
  const traceparent = validTraceparent(cause.traceparent);
  if (traceparent === undefined) return {};
  const tracestate = validTracestate(cause.tracestate);
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
};
