// Leases as they are taken and given up, seen from the side: for metrics, for readiness, and for whoever asks a process what it is doing.

import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import type { LeaseKeeper } from '../ports/leases.ts';
import type { Metrics } from '../ports/metrics.ts';

export type Role = 'leading' | 'standing-by';

export type Leadership = {
  /** The same keeper, watched. */
  readonly leases: LeaseKeeper;
  /** By lease; those that are neither held nor waited for (a pause after a failure, the end) are not there. */
  roles(): Readonly<Record<string, Role>>;
};

export const observeLeadership = (leases: LeaseKeeper, metrics: Metrics): Leadership => {
  const roles = new Map<string, Role>();

  const setRole = (name: string, role: Role | undefined): void => {
    if (role === undefined) roles.delete(name);
    else roles.set(name, role);
    metrics.gauge(metricCatalogue.leaseHeld, name).set(Number(role === 'leading'));
  };

  return {
    roles: () => Object.fromEntries(roles),
    leases: {
      acquire: async (name, options) => {
        setRole(name, 'standing-by');
        try {
          const lease = await leases.acquire(name, options);
          setRole(name, lease === undefined ? undefined : 'leading');
          if (lease === undefined) return undefined;
          lease.lost.addEventListener('abort', () => setRole(name, undefined), { once: true });
          return {
            name: lease.name,
            token: lease.token,
            lost: lease.lost,
            release: () => {
              setRole(name, undefined);
              return lease.release();
            },
          };
        } catch (error) {
          setRole(name, undefined);
          throw error;
        }
      },
    },
  };
};
