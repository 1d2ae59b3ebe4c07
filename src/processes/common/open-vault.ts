// The vault of a process that seals or opens secrets: the command-handler and the operator-runtime.

import type { Vault } from '../../engine/ports/vault.ts';
import type { InstanceConfig } from '../../program/instance-config.ts';
import { openKeySource } from '../../vault/key-source.ts';
import { createVault } from '../../vault/vault.ts';

/** Without keys it opens nothing and seals nothing. Faults: CONFIG_INVALID. */
export const openVault = ({ secretKeys, secretKeysFile }: InstanceConfig): Vault =>
  createVault(openKeySource({ keys: secretKeys, keysFile: secretKeysFile }));
