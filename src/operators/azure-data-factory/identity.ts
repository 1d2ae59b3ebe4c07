// Who the component is to Azure: the client credentials of its settings, at Microsoft's identity platform.

import { createClientCredentials, type ClientCredentials } from '../../sdk/index.ts';
import type { AdfSettings } from './settings.ts';

export type Identity = ClientCredentials;

export const createIdentity = (settings: AdfSettings, now: () => number = Date.now): Identity => {
  const { authorityUrl, tenantId, clientId, clientSecret, tokenScope, requestTimeoutMs } = settings;
  return createClientCredentials({
    tokenUrl: `${authorityUrl.replace(/\/$/, '')}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`,
    ...{ clientId, clientSecret, scope: tokenScope, timeoutMs: requestTimeoutMs, now },
    issuer: 'the identity platform',
    check: 'AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET of the component',
  });
};
