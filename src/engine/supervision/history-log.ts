// What the log says of a component's replicas when a round has decided: which ended, and which are changed for what. Called by the supervisor.

import type { Log } from '../ports/log.ts';
import type { ComponentHistory } from './decide.ts';

export const createHistoryLog =
  (log: Log) =>
  (operator: string, component: string, before: ComponentHistory, after: ComponentHistory): void => {
    for (const [replica, { countedStartMs, lastFailure, failures, revision, rolledFor }] of after) {
      const known = before.get(replica);
      if (rolledFor !== undefined && known?.revision !== revision)
        log.info({ operator, component, replica, revision, rolledFor }, 'component rolls');
      if (lastFailure === undefined || countedStartMs === (known?.countedStartMs ?? -1)) continue;
      log.warn({ operator, component, replica, ...lastFailure, failures }, 'component ended');
    }
  };
