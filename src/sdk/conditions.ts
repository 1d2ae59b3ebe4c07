// Conditions in Kubernetes' vocabulary: builders for authors, and what follows from a lifecycle status when an author reports none.

import type { LifecycleStatus } from '../messages/entity.ts';
import type { ReportedCondition } from './types.ts';

export const ready = (reason = 'Reconciled', message = ''): ReportedCondition => ({
  type: 'Ready',
  status: 'True',
  reason,
  message,
});

export const notReady = (reason: string, message: string): ReportedCondition => ({
  type: 'Ready',
  status: 'False',
  reason,
  message,
});

export const reconciling = (reason: string, message = ''): ReportedCondition => ({
  type: 'Reconciling',
  status: 'True',
  reason,
  message,
});

/** It will not get further without a change of the resource, or somebody who mends what is outside. */
export const stalled = (reason: string, message: string): ReportedCondition => ({
  type: 'Stalled',
  status: 'True',
  reason,
  message,
});

export const conditionsFor = (status: LifecycleStatus, message = ''): readonly ReportedCondition[] => {
  switch (status) {
    case 'active':
      return [ready('Reconciled', message)];
    case 'pending':
      return [notReady('Pending', message), reconciling('Progressing', message)];
    case 'deleting':
      return [notReady('Deleting', message), reconciling('Deleting', message)];
    case 'deleted':
      return [notReady('Deleted', message)];
    case 'error':
      return [notReady('Error', message)];
  }
};
