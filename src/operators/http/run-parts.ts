// What the steps of a run share: the requests of its action, how it is said, what it was sent as.

import {
  notReady,
  type Entity,
  type HttpAction,
  type HttpTypeSpec,
  type ObservedRun,
  type RuntimeStatus,
} from '../../sdk/index.ts';
import type { Intent, Sent } from './record.ts';
import type { Report, Work } from './work.ts';

/** The requests for a run of the action, or for the normal run. */
export type Requests = (action: string | undefined) => HttpAction | undefined;

export const createRequestsOf =
  ({ run, actions = {} }: Pick<HttpTypeSpec, 'run' | 'actions'>): Requests =>
  (action) =>
    action !== undefined && Object.hasOwn(actions, action) ? actions[action] : run;

/** What is said of the resource while its run is in this state. */
export const lifecycleOf = (state: RuntimeStatus): Report['status'] => (state === 'failed' ? 'error' : 'active');

export const conditionsOf = (state: RuntimeStatus, message: string): Pick<Report, 'conditions'> =>
  state === 'failed' ? { conditions: [notReady('RunFailed', message === '' ? 'the run failed' : message)] } : {};

export const isToEnd = ({ run, deletionRequestedAt }: Entity): boolean =>
  run?.cancelRequested === true || deletionRequestedAt !== undefined;

export const unlessEmpty = <K extends string>(texts: Readonly<Record<K, string>>): { readonly [N in K]?: string } =>
  Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== '')) as { readonly [N in K]?: string };

export const sentOf = ({ run, manifest }: Entity): Sent | undefined =>
  run === undefined ? undefined : { spec: manifest.resource.spec, run };

/** The resource as it was when the run was to be started. */
export const asSent = (work: Work, { sent }: Intent): Work => {
  if (sent === undefined) return work;
  const { manifest } = work.entity;
  const resource = { ...manifest.resource, spec: sent.spec };
  return { ...work, entity: { ...work.entity, run: sent.run, manifest: { ...manifest, resource } } };
};

/** What is said of the wanted run, over what was said of it before; a message is said each time or not at all. */
export const observed = (work: Work, more: Partial<ObservedRun> & Pick<ObservedRun, 'state'>): ObservedRun => {
  const wanted = work.entity.run;
  const { message: _said, ...before } = (work.status?.run?.id === wanted?.id ? work.status?.run : undefined) ?? {};
  return { ...before, ...more, id: wanted?.id ?? '' };
};
