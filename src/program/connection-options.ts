// Where the server is and who we are, from the configuration to what `connectNats` takes.

import type { InstanceConfig } from './instance-config.ts';

/** How a server lets us in, and how we know it. */
export type AccessConfig = Pick<
  InstanceConfig,
  'natsUser' | 'natsPassword' | 'natsToken' | 'natsCreds' | 'natsCa' | 'natsCert' | 'natsKey'
>;

export type ServerConfig = AccessConfig & Pick<InstanceConfig, 'natsUrl'>;

/** As somebody without a name, to a server without TLS or with a certificate that Node trusts. */
export const openAccess: AccessConfig = {
  natsUser: undefined,
  natsPassword: undefined,
  natsToken: undefined,
  natsCreds: undefined,
  natsCa: undefined,
  natsCert: undefined,
  natsKey: undefined,
};

const tlsOptions = ({ natsCa, natsCert, natsKey }: AccessConfig) => ({
  ...(natsCa === undefined ? {} : { caFile: natsCa }),
  ...(natsCert === undefined ? {} : { certFile: natsCert }),
  ...(natsKey === undefined ? {} : { keyFile: natsKey }),
});

export const accessOptions = (config: AccessConfig) => {
  const tls = tlsOptions(config);
  return {
    ...(config.natsUser === undefined ? {} : { user: config.natsUser }),
    ...(config.natsPassword === undefined ? {} : { password: config.natsPassword }),
    ...(config.natsToken === undefined ? {} : { token: config.natsToken }),
    ...(config.natsCreds === undefined ? {} : { credentialsPath: config.natsCreds }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  };
};

export const connectionOptions = (config: ServerConfig) => ({ url: config.natsUrl, ...accessOptions(config) });
