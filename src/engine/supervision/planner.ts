// Where a component runs and with what: its compute resolved to a driver, its secrets read, its server known. Whatever is missing is an
// obstacle of this component, told in its state; it stops neither what runs already nor any other component.

import { isFault } from '../../core/fault.ts';
import type { ComponentSpec } from '../../messages/manifest-types.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { Log } from '../ports/log.ts';
import type { Vault } from '../ports/vault.ts';
import type { Obstacle } from './component-report.ts';
import { EXTERNAL, PROCESS } from './drivers.ts';
import { planComponent } from './plan.ts';
import { type ComponentSecrets, type ServerAccess } from './plan-inputs.ts';
import type { InstanceSpec } from './ports.ts';
import { openApiKey } from './secrets/secret-reader.ts';

export type PlannerOptions = {
  readonly prefix: string;
  /** Compute to driver, or to `external`: OPSTREAM_COMPUTES. */
  readonly computes: ReadonlyMap<string, string>;
  /** Names of the drivers that there are. */
  readonly drivers: ReadonlySet<string>;
  /** Faults are obstacles. */
  access(operator: OperatorDocument): Promise<ServerAccess>;
  /** Faults are obstacles: SECRET_UNREADABLE, COMPONENT_NOT_STARTABLE (a secret is not there). */
  secrets(component: ComponentSpec, driver: string): Promise<ComponentSecrets>;
  /** Opens `runAsApiKey`. */
  readonly vault: Vault;
  /** What this machine has for an image of that driver: see PlanContext. */
  localOf(image: string | undefined, driver: string): string | undefined;
  digest(text: string): string;
  /** Slow where the text may be guessed: it becomes part of the names of instances. */
  slowDigest(text: string): string;
  readonly log: Log;
};

export type Plan =
  | { readonly kind: 'external' }
  | { readonly kind: 'obstacle'; readonly obstacle: Obstacle; readonly driver?: string }
  | {
      readonly kind: 'instances';
      readonly driver: string;
      readonly desired: readonly InstanceSpec[];
      /** See ComponentStatus. */
      readonly secrets?: Readonly<Record<string, number>> | undefined;
    };

export type Planner = {
  isExternal(component: ComponentSpec): boolean;
  plan(operator: OperatorDocument, component: ComponentSpec): Promise<Plan>;
};

/** What is told of an error: a fault as it is, a bug as one, with the rest in the log. */
export const caughtObstacle = (
  error: unknown,
  operator: OperatorDocument,
  component: ComponentSpec,
  log: Log,
): Obstacle => {
  if (isFault(error)) return { code: error.code, message: error.message };
  log.error({ operator: operator.name, component: component.name, err: error }, 'component cannot be planned');
  return { code: 'INTERNAL', message: "cannot be planned; the operator-runtime's log says why" };
};

export const createPlanner = (options: PlannerOptions): Planner => {
  const { computes, drivers, log } = options;
  const known = [...computes.keys()].join(', ');
  const unknown = ({ compute }: ComponentSpec): Obstacle => {
    const message = `there is no compute "${compute}"; known are ${known}; name it in OPSTREAM_COMPUTES of the operator-runtime, or use a known one`;
    return { code: 'ComputeUnknown', message };
  };

  /** Why this driver cannot run it. */
  const obstacleOf = (component: ComponentSpec, driver: string): Obstacle | undefined => {
    const { compute } = component;
    if (!drivers.has(driver)) {
      const message = `compute "${compute}" needs the driver "${driver}", which this operator-runtime does not have`;
      return { code: 'COMPUTE_UNAVAILABLE', message };
    }
    const needsImage = driver !== PROCESS && component.image === undefined;
    if (!needsImage) return undefined;
    const message = `compute "${compute}" means the driver "${driver}", which starts images, and the component names none: give it an "image", or a compute that means "${PROCESS}"`;
    return { code: 'ComputeUnsuitable', message };
  };

  return {
    isExternal: ({ compute }) => computes.get(compute) === EXTERNAL,
    plan: async (operator, component) => {
      const driver = computes.get(component.compute);
      if (driver === EXTERNAL) return { kind: 'external' };
      if (driver === undefined) return { kind: 'obstacle', obstacle: unknown(component) };
      const obstacle = obstacleOf(component, driver);
      if (obstacle !== undefined) return { kind: 'obstacle', obstacle };
      try {
        const [access, secrets] = await Promise.all([options.access(operator), options.secrets(component, driver)]);
        const { prefix, digest } = options;
        const local = options.localOf(component.image, driver);
        const { runAsApiKey: sealed } = component;
        const apiKey =
          sealed === undefined ? undefined : openApiKey(options.vault, operator.name, component.name, sealed);
        return {
          kind: 'instances',
          driver,
          secrets: secrets.sequences,
          desired: planComponent(operator, component, {
            prefix,
            access,
            secrets,
            digest,
            ...(apiKey === undefined ? {} : { apiKey, apiKeyVersion: options.slowDigest(apiKey) }),
            ...(local === undefined ? {} : { local }),
          }),
        };
      } catch (error) {
        return { kind: 'obstacle', obstacle: caughtObstacle(error, operator, component, log), driver };
      }
    },
  };
};
