// A refusal: what a caller asked for cannot be done as asked. A value, never thrown; it travels in receipts and
// query answers as it is. The catalogue below is the only place where codes are made; the README's table and a test follow it.

export const rejectionCodes = {
  MANIFEST_UNREADABLE: 'the bytes are neither JSON nor YAML as accepted here (syntax, tabs, tags, encoding)',
  MANIFEST_TOO_LARGE: 'a manifest or command is larger than the limit',
  MANIFEST_TOO_DEEP: 'a manifest is nested deeper than the limit',
  MANIFEST_INVALID: 'a manifest does not have the shape of its type',
  NAME_INVALID: 'a name cannot be a subject token',
  SCHEMA_INVALID: "an operator's jsonSchema does not compile, or could not be evaluated safely",
  SPEC_INVALID: "a resource's spec breaks its operator's schema",
  CHANNEL_INVALID: 'a natsApi stream or subject is not a name that an operator may use',
  CHANNEL_TAKEN: 'another operator has that command subject',
  OPERATOR_NOT_FOUND: 'the operator named is not registered',
  OPERATOR_DELETING: 'the operator named is being deleted',
  OPERATOR_HAS_RESOURCES: 'the operator still has resources',
  TYPE_NOT_FOUND: 'the operator has no resource type of that name',
  WORKSPACE_NOT_ENABLED: 'the operator is not enabled in that workspace',
  OPERATOR_IMMUTABLE: "a resource's operator and type cannot change",
  ALREADY_EXISTS: 'create found the name taken',
  NOT_FOUND: 'no such operator or resource',
  BEING_DELETED: 'the resource is being deleted',
  NOT_RELEASABLE: 'a release needs a resource whose deletion was asked for, or force',
  NOT_RUNNABLE: 'the resource type is not runnable',
  NOT_RUNNING: 'there is no run to cancel',
  RUN_IN_PROGRESS: 'a run goes on, and the command, or the type, says skip',
  RUN_QUEUE_FULL: 'as many runs of the resource wait as may',
  SUSPENDED: 'the resource is suspended',
  PATCH_INVALID: 'a JSON Patch is malformed, or does not apply to the manifest as it stands',
  DUPLICATE_DOCUMENT: 'two documents of one apply declare the same thing',
  COMMAND_INVALID: 'a command does not have the shape of its verb',
  COMMAND_ID_REUSED: 'a command id was used before for another target',
  VERSION_CONFLICT: 'the state is not the one the command expects (expectedGeneration)',
  JQ_INVALID: 'a jq program does not compile, fails on its input, or takes too long',
  SCHEMA_BREAKS_RESOURCES: 'the changed operator would no longer accept resources that it has',
  ACTION_NOT_FOUND: 'the resource type declares no action of that name',
  ACTION_INVALID: "an action's parameters break its schema",
  SECRET_INVALID: 'a secret does not have the shape of its type, or cannot be sealed',
  SECRET_IN_USE: 'the secret is still referred to',
  QUERY_INVALID: 'a query does not have the shape of its verb',
  ANSWER_TOO_LARGE: 'the answer does not fit one message of the server, and cannot be cut into pages',
  INTERNAL: 'the command met a bug again and again and was set aside in OPSTREAM_DEAD',
  FORBIDDEN_REPLY: 'the reply subject is not an inbox',
} as const;

export type RejectionCode = keyof typeof rejectionCodes;

/**
 * One problem. `pointer` is a JSON Pointer into the manifest or command; `document` counts documents of a multi-document
 * apply from 0; `line` and `column` (from 1) are there when the input was YAML.
 */
export type RejectionDetail = {
  readonly message: string;
  readonly pointer?: string;
  readonly document?: number;
  readonly line?: number;
  readonly column?: number;
  readonly code?: string;
};

export type Rejection = {
  readonly code: RejectionCode;
  readonly message: string;
  readonly details: readonly RejectionDetail[];
};

export const reject = (code: RejectionCode, message: string, details: readonly RejectionDetail[] = []): Rejection => ({
  code,
  message,
  details,
});
