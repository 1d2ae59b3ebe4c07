// Where the server is and who we are, from the configuration to what `connectNats` takes.

import type { InstanceConfig } from './instance-config.ts';

type ServerConfig = Pick<InstanceConfig, 'natsUrl' | 'natsUser' | 'natsPassword' | 'natsToken' | 'natsCreds'>;

export const connectionOptions = (config: ServerConfig) => ({
  url: config.natsUrl,
  ...(config.natsUser === undefined ? {} : { user: config.natsUser }),
  ...(config.natsPassword === undefined ? {} : { password: config.natsPassword }),
  ...(config.natsToken === undefined ? {} : { token: config.natsToken }),
  ...(config.natsCreds === undefined ? {} : { credentialsPath: config.natsCreds }),
});
