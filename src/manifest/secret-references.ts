// Which secrets an operator's components refer to. Pure; the engine asks before a secret is deleted, the supervisor before it starts something.

import type { ComponentSpec, OperatorSpec } from '../messages/manifest-types.ts';

/** A reference that names no workspace means this one. */
export const SECRET_WORKSPACE = 'public';

export type SecretPlace = { readonly workspace: string; readonly name: string };
export type SecretUse = SecretPlace & { readonly component: string; readonly field: string };

/** `imagePullSecret` is a name, or `workspace/name`. */
export const imagePullPlace = (text: string): SecretPlace => {
  const slash = text.indexOf('/');
  return slash < 0
    ? { workspace: SECRET_WORKSPACE, name: text }
    : { workspace: text.slice(0, slash), name: text.slice(slash + 1) };
};

/** All of one component, in the order of its manifest; one secret may be there several times. */
export const secretUsesOf = (
  component: Pick<ComponentSpec, 'name' | 'secrets' | 'dataosSecrets' | 'imagePullSecret'>,
) => {
  const uses: SecretUse[] = [];
  for (const field of ['secrets', 'dataosSecrets'] as const) {
    for (const { name, workspace = SECRET_WORKSPACE } of component[field] ?? []) {
      uses.push({ workspace, name, component: component.name, field });
    }
  }
  const { imagePullSecret } = component;
  if (imagePullSecret !== undefined) {
    uses.push({ ...imagePullPlace(imagePullSecret), component: component.name, field: 'imagePullSecret' });
  }
  return uses as readonly SecretUse[];
};

export const refersToSecret = (operator: Pick<OperatorSpec, 'components'>, { workspace, name }: SecretPlace): boolean =>
  operator.components.some((component) =>
    secretUsesOf(component).some((use) => use.workspace === workspace && use.name === name),
  );
