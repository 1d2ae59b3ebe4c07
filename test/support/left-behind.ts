// What a forced deletion leaves behind: resources of adf-operator in the workspace public, with these names.

import type { LeftBehind, LeftBehindItem } from '../../src/messages/left-behind.ts';

export const leftBehindItem = (name: string, changes: Partial<LeftBehindItem> = {}): LeftBehindItem => ({
  workspace: 'public',
  name,
  operator: 'adf-operator',
  resourceType: 'pipeline-run',
  status: 'active',
  ...changes,
});

export const leftBehind = (...names: readonly string[]): LeftBehind => ({
  total: names.length,
  items: names.map((name) => leftBehindItem(name)),
});
