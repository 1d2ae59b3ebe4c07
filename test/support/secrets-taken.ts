// Secrets of all types and an operator that refers to them in all ways, with what its component should be given: for tests of a component
// that tells everything (telling-component.mjs).

import { join } from 'node:path';
import type { JsonObject } from '../../src/core/json.ts';
import { root } from './processes.ts';
import { supervisedOperator } from './supervised-operator.ts';

export const tellingComponent = join(root, 'test', 'support', 'telling-component.mjs');

type Data = Readonly<Record<string, string>>;
type Typed = { readonly type: string; readonly data: Data };
type Plain = (decorate?: (core: string) => string) => string;

const certificate = (what: string) => (core: string) =>
  `-----BEGIN ${what}-----\n${core}\nMIIB${core}==\n-----END ${what}-----\n`;

/** By name. */
export const secretsOfAllTypes = (plain: Plain) =>
  ({
    tokens: { type: 'key-value', data: { TOKEN: plain(), OTHER: plain(), 'not-asked-for': plain() } },
    database: {
      type: 'key-value-properties',
      data: { USER: plain(), PASSWORD: plain((core) => `ä "${core}" \\ 'x' & <y> %41 +/= `), NOTE: plain() },
    },
    tls: {
      type: 'certificate',
      data: { 'tls.crt': plain(certificate('CERTIFICATE')), 'tls.key': plain(certificate('PRIVATE KEY')) },
    },
    kernel: {
      type: 'cloud-kernel',
      data: { first: plain(), second: plain((core) => `é ${core}\n 2`), third: plain() },
    },
    pull: {
      type: 'cloud-kernel-image-pull',
      data: { registry: 'registry.example.com', username: plain(), password: plain() },
    },
  }) as const satisfies Readonly<Record<string, Typed>>;

export const manifestOf = (name: string, { type, data }: Typed): JsonObject => ({
  ...{ name, version: 'v1', workspace: 'public' },
  secret: { type, acl: 'r', data },
});

/** Refers to them with `secrets` and `dataosSecrets`, by `key`, `keys`, both and `allKeys`, for each `consumptionType`. */
export const takingOperator = (name: string): JsonObject =>
  supervisedOperator(name, {
    ...{ command: ['node', tellingComponent], imagePullSecret: 'pull' },
    secrets: [
      { name: 'tokens', key: 'TOKEN', keys: ['OTHER'] },
      { name: 'tokens', workspace: 'public', keys: ['not-asked-for'], consumptionType: 'file' },
      { name: 'tls', workspace: 'public', allKeys: true, consumptionType: 'file' },
      { name: 'database', keys: ['USER', 'PASSWORD'], consumptionType: 'file' },
    ],
    dataosSecrets: [
      { name: 'kernel', workspace: 'public', keys: ['second', 'first'], consumptionType: 'propFile' },
      { name: 'pull', key: 'password', consumptionType: 'file' },
      { name: 'database', key: 'NOTE', consumptionType: 'envVars' },
    ],
  });
