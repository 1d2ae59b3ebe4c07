// A manifest of `type: resource`. Its spec is any mapping here; the operator's own schema checks it later, when the operator is known.

import { fields, META_REQUIRED, metaProperties, token } from './meta-schema.ts';

export const resourceSchema = fields(
  {
    ...metaProperties,
    workspace: token,
    resource: fields({ operator: token, type: token, spec: { type: 'object' } }, ['operator', 'type']),
  },
  [...META_REQUIRED, 'resource'],
);
