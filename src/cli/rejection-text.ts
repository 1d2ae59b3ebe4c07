// A refusal for people: the message, then a line for each problem that says where: `file.yaml:LINE:COLUMN /pointer message`. Pure.

import type { Rejection, RejectionDetail } from '../core/rejection.ts';
import type { JoinedManifests } from './joined-manifests.ts';

const whereOf = (detail: RejectionDetail, manifests: Pick<JoinedManifests, 'place'> | undefined): string => {
  if (manifests === undefined) return detail.line === undefined ? '' : `line ${detail.line}:${detail.column ?? 1}`;
  const { path, line, column } = manifests.place(detail);
  return line === undefined ? path : `${path}:${line}:${column ?? 1}`;
};

/** `manifests` undefined: the problems are not in a file. */
export const rejectionLines = (rejection: Rejection, manifests?: Pick<JoinedManifests, 'place'>): readonly string[] => [
  `${rejection.message} [${rejection.code}]`,
  ...rejection.details.map(
    (detail) =>
      `  ${[whereOf(detail, manifests), detail.pointer ?? '', detail.message].filter((part) => part !== '').join(' ')}`,
  ),
];
