// The two error envelopes of the API (Azure Resource Manager's and the identity endpoint's) and the one exception of this
// program: a `Refusal` carries a finished reply out of any depth of checking, and only the dispatcher catches it.
// Codes marked "observed" in the comments were seen in public reports; the API description itself names none.

import type { Reply } from '../common/reply.ts';

export { isJsonObject, type JsonObject, type Reply } from '../common/reply.ts';

/** What a client did that no correct client does; recorded whether or not the API would have refused it. */
export type ViolationKind =
  | 'body-invalid'
  | 'body-too-large'
  | 'body-unexpected'
  | 'content-type-wrong'
  | 'json-malformed'
  | 'method-not-allowed'
  | 'name-invalid'
  | 'parameter-ineffective'
  | 'parameter-undeclared'
  | 'path-unknown'
  | 'query-invalid'
  | 'retried-too-early'
  | 'token-request-invalid'
  | 'api-version-wrong';

export type Violation = { readonly kind: ViolationKind; readonly detail: string };

export class Refusal extends Error {
  readonly reply: Reply;
  readonly violation: Violation | undefined;

  constructor(reply: Reply, message: string, violation?: Violation) {
    super(message);
    this.name = 'Refusal';
    this.reply = reply;
    this.violation = violation;
  }
}

type ArmErrorExtras = { readonly target?: string; readonly headers?: Readonly<Record<string, string>> };

/** `{"error":{"code","message","target"?}}`, the one error shape of every Resource Manager answer. */
export const armError = (status: number, code: string, message: string, extras: ArmErrorExtras = {}): Reply => ({
  status,
  ...(extras.headers === undefined ? {} : { headers: extras.headers }),
  body: { error: { code, message, ...(extras.target === undefined ? {} : { target: extras.target }) } },
});

export const refuse = (
  status: number,
  code: string,
  message: string,
  extras: ArmErrorExtras & { readonly violation?: ViolationKind } = {},
): Refusal =>
  new Refusal(
    armError(status, code, message, extras),
    message,
    extras.violation === undefined ? undefined : { kind: extras.violation, detail: message },
  );

/** A 400 for something the client wrote wrongly: always a violation. */
export const badRequest = (code: string, message: string, kind: ViolationKind, target?: string): Refusal =>
  refuse(400, code, message, { violation: kind, ...(target === undefined ? {} : { target }) });
