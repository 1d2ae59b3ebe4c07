// A planner that knows of operators' own servers: it plans the server itself, plans no component that could not reach it, and hands everything else
// to the planner that it is given, which knows nothing of servers. Composed by processes/common/supervision.ts.

import type { ComponentSpec } from '../../messages/manifest-types.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { Log } from '../ports/log.ts';
import { EXTERNAL } from '../supervision/drivers.ts';
import { caughtObstacle, type Plan, type Planner } from '../supervision/planner.ts';
import type { InstanceSpec } from '../supervision/ports.ts';
import { isServer, serverProblem, withoutServer } from './place.ts';
import { reachProblem, type Reach } from './reach.ts';

export type ServerPlannerOptions = Reach & {
  /** Names of the drivers that there are. */
  readonly drivers: ReadonlySet<string>;
  /** The server as an instance; faults are obstacles. */
  server(operator: OperatorDocument, component: ComponentSpec): Promise<InstanceSpec>;
  readonly log: Log;
};

export const withOwnServers = (planner: Planner, options: ServerPlannerOptions): Planner => {
  const { computes, drivers, log } = options;

  const planServer = async (operator: OperatorDocument, component: ComponentSpec): Promise<Plan> => {
    const driver = computes.get(component.compute);
    // What is wrong with the compute itself is told as of any component.
    if (driver === undefined || driver === EXTERNAL || !drivers.has(driver)) return planner.plan(operator, component);
    const message = serverProblem(component.compute, computes);
    if (message !== undefined) return { kind: 'obstacle', obstacle: { code: 'ComputeUnsuitable', message } };
    try {
      return { kind: 'instances', driver, desired: [await options.server(operator, component)] };
    } catch (error) {
      return { kind: 'obstacle', obstacle: caughtObstacle(error, operator, component, log), driver };
    }
  };

  return {
    ...planner,
    plan: async (operator, component) => {
      if (isServer(operator, component)) return planServer(operator, component);
      const message = reachProblem(operator, component, options);
      if (message !== undefined) return { kind: 'obstacle', obstacle: { code: 'ComputeUnsuitable', message } };
      return planner.plan(withoutServer(operator), component);
    },
  };
};
