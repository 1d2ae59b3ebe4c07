// One call of an operation as its handler sees it, and what handlers share.

import { refuse, type Reply, type Violation } from './errors.ts';
import type { Factory, Pipeline } from './pipelines.ts';
import type { Address } from './routes.ts';
import type { World } from './world.ts';

export type Call = {
  readonly world: World;
  readonly factory: Factory;
  readonly address: Address;
  readonly query: ReadonlyMap<string, string>;
  /** Undefined when none was sent. */
  readonly body: unknown;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly clientRequestId: string | undefined;
  readonly baseUrl: string;
  readonly note: (violation: Violation) => void;
  readonly accepted: (runId: string) => void;
};

export type Handler = (call: Call) => Reply;

export const ok = (body: unknown): Reply => ({ status: 200, body });

/** @throws Refusal when there is none */
export const pipelineOf = ({ factory, address }: Call): Pipeline => {
  const pipeline = factory.pipelines.get(address.pipelineName.toLowerCase());
  if (pipeline !== undefined) return pipeline;
  const text = `The document could not be retrieved because it does not exist. (pipeline '${address.pipelineName}')`;
  throw refuse(404, 'EntityNotFound', text, { target: `Pipeline/${address.pipelineName}` });
};
