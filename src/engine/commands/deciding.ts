// What deciding on one intent may ask for.

import type { Finding } from '../../messages/finding.ts';
import type { DecisionContext } from '../../domain/decision.ts';
import type { CommandRequest } from './command-request.ts';
import type { SpecSchemas } from './spec-schemas.ts';
import type { Vault } from '../ports/vault.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { Relations } from './relations.ts';
import type { Census } from '../evolution/census.ts';
import type { JqRunner } from '../ports/jq.ts';
import type { Ref } from '../../messages/subjects.ts';

export type DecideIntentContext = DecisionContext & {
  readonly request: CommandRequest;
  readonly prefix: string;
  readonly schemas: SpecSchemas;
  readonly vault: Vault;
  /** The command lies in a stream: what must not be stored in the clear is refused. */
  readonly isStored: boolean;
  /** The operator of that name as this command sees it (with what the same command declares). */
  operatorNamed(name: string): OperatorDocument | undefined;
  /** Asked only where a decision or a refusal needs it. */
  readonly relations: Relations;
  /** Asked only when an operator changes in a way that could break a resource. */
  readonly census: Census;
  /** Asked only for types that have a `nameJqFilter`. */
  readonly jq: JqRunner;
  /** Whether this very command is about that thing too. */
  isCommanded(ref: Ref): boolean;
  /** Advice for the receipt, if the command is accepted. */
  warn(finding: Finding): void;
};
