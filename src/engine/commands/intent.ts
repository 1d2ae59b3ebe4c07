// Reads a command: from its bytes to what is meant, one intent for each thing that the command names, every problem in one rejection.
// Pure; nothing is read from anywhere. What depends on stored state is decided later (execute-command.ts calls both).

import { parseManifests, type ParsedDocument } from '../../manifest/parse.ts';
import { validateManifest } from '../../manifest/validate.ts';
import { parseTargetCommand } from '../../manifest/bodies/target-command.ts';
import { MAX_DOCUMENTS, type TargetCommand, type TargetVerb } from '../../messages/commands.ts';
import { isJsonObject } from '../../core/json.ts';
import { reject, type Rejection, type RejectionDetail } from '../../core/rejection.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { kinds, refKey, refOfKind, resourceRef, type Kind, type Ref } from '../../messages/subjects.ts';
import type { CommandRequest } from './command-request.ts';
import type { Manifest } from '../../messages/manifest-types.ts';

export type ManifestIntent = {
  readonly kind: 'manifest';
  readonly ref: Ref;
  readonly manifest: Manifest;
  /** The manifest names no owner: an existing one stays. */
  readonly isOwnerDefaulted: boolean;
  readonly mustBeNew: boolean;
  readonly document: ParsedDocument;
};
export type TargetIntent = { readonly kind: 'target'; readonly ref: Ref; readonly command: TargetCommand };
export type Intent = ManifestIntent | TargetIntent;

export const refOf = (manifest: Manifest): Ref =>
  manifest.type === 'resource'
    ? resourceRef(manifest.workspace, manifest.name)
    : refOfKind(manifest.type, manifest.type === 'secret' ? manifest.workspace : '', manifest.name);

/** What can be done to each kind, besides applying it. deciders.ts has a decider for each. */
const verbsOf = {
  resource: [
    ...(['patch', 'delete', 'release', 'run', 'cancel', 'suspend', 'resume', 'reconcile'] as const),
    ...(['finalize', 'settle'] as const),
  ],
  operator: ['patch', 'delete', 'finalize', 'reseal', 'restart'],
  secret: ['patch', 'delete', 'reseal'],
} as const satisfies Readonly<Record<Kind, readonly TargetVerb[]>>;
export type TargetVerbOf<TKind extends Kind> = (typeof verbsOf)[TKind][number];

const takes = (kind: Kind, verb: string): boolean => verbsOf[kind].some((one) => one === verb);

/** A command that was read. */
export type Command = {
  readonly request: CommandRequest;
  readonly intents: readonly Intent[];
  /** What the intents are about, in their order. */
  readonly refs: readonly Ref[];
  /** It lies in a stream, and its receipt is stored whatever it says. */
  readonly keepOutcome: boolean;
  /** Under its id: the sender chose it, or it is the place in the queue. */
  readonly mayComeAgain: boolean;
};

/** Adds the document's index, and line and column of the pointer, or of the nearest part that is in the text. */
export const locate = (document: ParsedDocument, detail: RejectionDetail): RejectionDetail => {
  let pointer = detail.pointer;
  if (detail.line !== undefined) return { document: document.index, ...detail };
  while (pointer !== undefined) {
    const position = document.locate(pointer);
    if (position !== undefined) return { document: document.index, ...detail, ...position };
    pointer = pointer === '' ? undefined : pointer.slice(0, pointer.lastIndexOf('/'));
  }
  return { document: document.index, ...detail };
};

const readManifest = (document: ParsedDocument, request: CommandRequest, prefix: string): Result<ManifestIntent> => {
  const validated = validateManifest(document, {
    defaultWorkspace: request.workspace,
    actor: request.actor,
    prefix,
  });
  if (!validated.ok) return validated;
  const manifest = validated.value;
  const isOwnerDefaulted = isJsonObject(document.value) && document.value['owner'] === undefined;
  const mustBeNew = request.verb === 'create';
  return ok({ kind: 'manifest', ref: refOf(manifest), manifest, isOwnerDefaulted, mustBeNew, document });
};

const readManifests = (request: CommandRequest, prefix: string): Result<readonly Intent[]> => {
  const parsed = parseManifests(request.body);
  if (!parsed.ok) return parsed;
  if (parsed.value.length > MAX_DOCUMENTS) {
    return err(
      reject(
        'MANIFEST_TOO_LARGE',
        `expected at most ${MAX_DOCUMENTS} documents in one command, found ${parsed.value.length}`,
      ),
    );
  }
  const intents: ManifestIntent[] = [];
  const rejections: { readonly document: ParsedDocument; readonly rejection: Rejection }[] = [];
  const seen = new Map<string, number>();
  for (const document of parsed.value) {
    const intent = readManifest(document, request, prefix);
    if (!intent.ok) {
      rejections.push({ document, rejection: intent.error });
      continue;
    }
    const key = refKey(intent.value.ref);
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, document.index);
      intents.push(intent.value);
    } else {
      const message = `documents ${first} and ${document.index} declare the same ${intent.value.ref.kind} "${intent.value.ref.name}"`;
      rejections.push({ document, rejection: reject('DUPLICATE_DOCUMENT', message, [{ message, pointer: '/name' }]) });
    }
  }
  return rejections.length > 0 ? err(mergeRejections(rejections)) : ok(intents);
};

/** One rejection that says everything: the code of the first, the details of all, each with its place in the text. */
export const mergeRejections = (
  rejections: readonly { readonly document: ParsedDocument; readonly rejection: Rejection }[],
): Rejection => {
  const [first] = rejections;
  if (first === undefined) throw new Error('mergeRejections needs one rejection at least');
  const details = rejections.flatMap(({ document, rejection }) => {
    const own = rejection.details.length > 0 ? rejection.details : [{ message: rejection.message }];
    return own.map((detail) => locate(document, { code: rejection.code, ...detail }));
  });
  if (rejections.length === 1) return { ...first.rejection, details };
  return reject(
    first.rejection.code,
    `${rejections.length} documents are refused; the first: ${first.rejection.message}`,
    details,
  );
};

const readIntents = (request: CommandRequest, prefix: string): Result<readonly Intent[]> => {
  if (request.verb === 'apply' || request.verb === 'create') return readManifests(request, prefix);
  const command = parseTargetCommand(request.verb, request.body, request.workspace);
  if (!command.ok) return command;
  const { kind, workspace, name } = command.value.target;
  const ref = refOfKind(kind, workspace, name);
  if (!takes(kind, request.verb)) {
    const others = kinds.filter((one) => takes(one, request.verb));
    return err(
      reject(
        'COMMAND_INVALID',
        `${request.verb} works on ${others.map((one) => `${one}s`).join(' and ')}, found type ${kind}`,
        [{ message: `expected ${others.join(' or ')}`, pointer: '/type' }],
      ),
    );
  }
  return ok([{ kind: 'target', ref, command: command.value }]);
};

/** Errors: those of parsing and validation. */
export const readCommand = (request: CommandRequest, keepOutcome: boolean, prefix: string): Result<Command> => {
  const intents = readIntents(request, prefix);
  if (!intents.ok) return intents;
  const refs = intents.value.map(({ ref }) => ref);
  const mayComeAgain = request.isIdGiven || keepOutcome;
  return ok({ request, intents: intents.value, refs, keepOutcome, mayComeAgain });
};
