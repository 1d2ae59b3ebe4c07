// From a parsed document to a manifest that can be stored: shape, names, channels and schemas checked, defaults filled in. Called for every
// apply and for every patched manifest, so the good case for a resource is one compiled check and one new object.

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { reject, type RejectionCode, type RejectionDetail } from '../core/rejection.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { Writable } from '../core/writable.ts';
import { isToken, printable, TOKEN_RULE } from '../core/names.ts';
import { nearestName } from '../json-schema/nearest.ts';
import { found } from '../json-schema/problems.ts';
import { shapeOf } from './bodies/shape.ts';
import { compileSpecSchema } from './spec-schema.ts';
import { capped, positioned, type ParsedDocument } from './document.ts';
import { MANIFEST_TYPES } from './meta-schema.ts';
import { defaultNatsApi, operatorProblems } from './operator-rules.ts';
import { operatorSchema } from './operator-schema.ts';
import { resourceSchema } from './resource-schema.ts';
import { secretProblems, secretSchema } from './secret-schema.ts';
import type {
  Manifest,
  NatsApi,
  OperatorManifest,
  OperatorSpec,
  ResourceManifest,
  ResourceTypeSpec,
  SecretManifest,
} from '../messages/manifest-types.ts';

export type ManifestContext = {
  /** For resources whose manifest names none. */
  readonly defaultWorkspace: string;
  /** Becomes the owner where the manifest names none. */
  readonly actor: string;
  /** The instance's prefix, whose streams and subjects an operator may not use. */
  readonly prefix?: string;
};

const resourceShape = shapeOf(resourceSchema);
const operatorShape = shapeOf(operatorSchema);
const secretShape = shapeOf(secretSchema);

const typeProblem = (value: JsonObject): RejectionDetail => {
  const { type } = value;
  const expected = 'expected "type: operator", "type: resource" or "type: secret"';
  if (type === undefined) return { message: `missing field "type": ${expected}`, pointer: '/type' };
  const nearest = typeof type === 'string' ? nearestName(type, MANIFEST_TYPES) : undefined;
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  return { message: `${expected}, found ${found(type, '/type')}${hint}`, pointer: '/type' };
};

const schemaTextProblems = (holder: JsonValue, at: string): readonly RejectionDetail[] => {
  const specSchema = isJsonObject(holder) ? holder['specSchema'] : undefined;
  const text = isJsonObject(specSchema) ? specSchema['jsonSchema'] : undefined;
  if (typeof text !== 'string' || text === '') return [];
  const compiled = compileSpecSchema(text, `${at}/specSchema/jsonSchema`);
  return compiled.ok ? [] : compiled.error.details.map((detail) => ({ code: 'SCHEMA_INVALID', ...detail }));
};

/** Problems of the jsonSchema texts; what is not text has been named by the shape. */
const schemaProblems = (value: JsonObject): readonly RejectionDetail[] => {
  const operator = value['operator'];
  const types: JsonValue | undefined = isJsonObject(operator) ? operator['resources'] : undefined;
  if (!Array.isArray(types)) return [];
  return (types as readonly JsonValue[]).flatMap((type, index) => {
    if (!isJsonObject(type)) return [];
    const at = `/operator/resources/${index}`;
    const actions = Array.isArray(type['actions']) ? (type['actions'] as readonly JsonValue[]) : [];
    return [
      ...schemaTextProblems(type, at),
      ...actions.flatMap((action, number) => schemaTextProblems(action, `${at}/actions/${number}`)),
    ];
  });
};

/** The code that all problems share, or the general one. */
const codeOf = (details: readonly RejectionDetail[]): RejectionCode => {
  const [first] = details;
  const shared = details.every((detail) => detail.code === first?.code) ? first?.code : undefined;
  return shared === 'NAME_INVALID' ||
    shared === 'CHANNEL_INVALID' ||
    shared === 'SCHEMA_INVALID' ||
    shared === 'SECRET_INVALID'
    ? shared
    : 'MANIFEST_INVALID';
};

/** The operator page's sample has no type. */
const isSecret = (value: JsonObject): boolean =>
  value['type'] === 'secret' || (value['type'] === undefined && value['secret'] !== undefined);

const refuse = (value: JsonObject, details: readonly RejectionDetail[], document: ParsedDocument): Result<never> => {
  const [first] = details;
  const name = typeof value['name'] === 'string' ? ` "${printable(value['name'])}"` : '';
  const known = MANIFEST_TYPES.find((type) => type === value['type']);
  const type = known ?? (isSecret(value) ? 'secret' : 'the');
  const at = first?.pointer === undefined ? '' : `${first.pointer}: `;
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : '';
  const message = `${type === 'the' ? 'the manifest' : `${type} manifest`}${name}: ${at}${first?.message ?? ''}${more}`;
  return err(
    reject(
      codeOf(details),
      message,
      capped(details).map((detail) => positioned(detail, document)),
    ),
  );
};

type Meta = Omit<ResourceManifest, 'type' | 'workspace' | 'resource'> & { readonly type: Manifest['type'] };

/**
 * Fields in one fixed order, so that equal manifests are equal byte for byte. Set one by one: this is done for every apply, and spreads of
 * optional fields cost several times as much.
 */
const metaOf = (value: Partial<Meta> & { readonly name: string; readonly version: string }, actor: string) => {
  const meta: Partial<Writable<Meta>> = { name: value.name, version: value.version, layer: value.layer ?? 'user' };
  if (value.description !== undefined) meta.description = value.description;
  meta.tags = value.tags ?? [];
  if (value.labels !== undefined) meta.labels = value.labels;
  meta.owner = value.owner ?? actor;
  return meta as Writable<Omit<Meta, 'type'>>;
};

type GivenResource = Partial<Meta> & {
  readonly name: string;
  readonly version: string;
  readonly workspace?: string;
  readonly resource: { readonly operator: string; readonly type: string; readonly spec?: JsonObject };
};

const resourceOf = (value: GivenResource, context: ManifestContext): ResourceManifest => {
  const manifest = metaOf(value, context.actor) as Writable<ResourceManifest>;
  const { operator, type, spec } = value.resource;
  manifest.type = 'resource';
  manifest.workspace = value.workspace ?? context.defaultWorkspace;
  manifest.resource = { operator, type, spec: spec ?? {} };
  return manifest;
};

const secretOf = (
  value: Partial<Meta> & { readonly workspace?: string } & Pick<SecretManifest, 'name' | 'version' | 'secret'>,
  context: ManifestContext,
): SecretManifest => ({
  ...metaOf(value, context.actor),
  type: 'secret',
  workspace: value.workspace ?? context.defaultWorkspace,
  secret: { type: value.secret.type, acl: value.secret.acl, data: value.secret.data },
});

type GivenType = Omit<ResourceTypeSpec, 'isRunnable' | 'natsApi'> & {
  readonly isRunnable?: boolean;
  readonly natsApi?: NatsApi;
};
type GivenOperator = Partial<Omit<Meta, 'type'>> & {
  readonly name: string;
  readonly version: string;
  readonly operator: Omit<OperatorSpec, 'resources'> & {
    readonly resources: readonly GivenType[];
    readonly natsApi?: NatsApi;
  };
};

const operatorOf = (value: GivenOperator, context: ManifestContext): OperatorManifest => {
  const { natsClusterConfig, components, resources, enabledWorkspaces, natsApi } = value.operator;
  return {
    ...metaOf(value as Partial<Meta> & GivenOperator, context.actor),
    type: 'operator',
    operator: {
      ...(natsClusterConfig === undefined ? {} : { natsClusterConfig }),
      components,
      resources: resources.map((type) => ({
        name: type.name,
        ...(type.nameJqFilter === undefined ? {} : { nameJqFilter: type.nameJqFilter }),
        isRunnable: type.isRunnable ?? false,
        ...(type.ifRunning === undefined ? {} : { ifRunning: type.ifRunning }),
        ...(type.specSchema === undefined ? {} : { specSchema: type.specSchema }),
        ...(type.actions === undefined ? {} : { actions: type.actions }),
        ...(type.http === undefined ? {} : { http: type.http }),
        natsApi: type.natsApi ?? natsApi ?? defaultNatsApi(value.name, type.name),
      })),
      enabledWorkspaces,
    },
  };
};

const workspaceProblems = (value: JsonObject, context: ManifestContext): readonly RejectionDetail[] =>
  value['workspace'] !== undefined || isToken(context.defaultWorkspace)
    ? []
    : [
        {
          message: `the workspace given beside the manifest must be ${TOKEN_RULE}; found "${printable(context.defaultWorkspace)}"`,
          pointer: '/workspace',
          code: 'NAME_INVALID',
        },
      ];

/**
 * The manifest of one document as it is stored: `layer` user, `tags` [], `owner` the actor, `workspace` the context's, `isRunnable` false,
 * `spec` {} and a `natsApi` in every resource type (its own, else the operator's, else derived from the names) where not given.
 * Validating a stored manifest gives the same manifest again.
 * Errors, all problems at once with pointers and positions: NAME_INVALID, CHANNEL_INVALID or SCHEMA_INVALID when all problems are of that
 * kind (each detail has its code), else MANIFEST_INVALID.
 */
export const validateManifest = (document: ParsedDocument, context: ManifestContext): Result<Manifest> => {
  const { value } = document;
  if (!isJsonObject(value)) {
    const message = `expected a mapping, found ${found(value, '')}`;
    return err(reject('MANIFEST_INVALID', message, [positioned({ message, pointer: '' }, document)]));
  }
  if (value['type'] === 'resource') {
    const problems = [...resourceShape.problems(value), ...workspaceProblems(value, context)];
    return problems.length > 0
      ? refuse(value, problems, document)
      : ok(resourceOf(value as unknown as GivenResource, context));
  }
  if (value['type'] === 'operator') {
    const problems = [
      ...operatorShape.problems(value),
      ...operatorProblems(value, context.prefix ?? 'opstream'),
      ...schemaProblems(value),
    ];
    return problems.length > 0
      ? refuse(value, problems, document)
      : ok(operatorOf(value as unknown as GivenOperator, context));
  }
  if (isSecret(value)) {
    const shape = secretShape.problems(value);
    const problems = [
      ...shape,
      ...workspaceProblems(value, context),
      ...(shape.length > 0 ? [] : secretProblems(value)),
    ];
    return problems.length > 0
      ? refuse(value, problems, document)
      : ok(secretOf(value as unknown as Parameters<typeof secretOf>[0], context));
  }
  return refuse(value, [typeProblem(value)], document);
};
