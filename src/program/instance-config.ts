// What every program of an instance is configured with: where the server is, which instance, how much to log. Processes add
// their own entries to this table; components add the seed's (sdk/config.ts).

import { isToken, TOKEN_RULE } from '../core/names.ts';
import {
  choiceEntry,
  durationEntry,
  integerEntry,
  optional,
  textEntry,
  type ConfigEntry,
  type ConfigOf,
} from './config-table.ts';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** A name that becomes a subject token, a bucket name or a key. */
export const tokenEntry = (options: Parameters<typeof textEntry>[0]): ConfigEntry<string> => ({
  ...textEntry(options),
  expected: TOKEN_RULE,
  parse: (text) => (isToken(text) ? text : undefined),
});

/** `nats://host:port`, `tls://…`, `host:port` or `host`, a user before the host. The NATS client takes what it cannot read for a bug. */
const isServerAddress = (text: string): boolean => {
  const { scheme = 'nats', rest = '' } = /^(?:(?<scheme>[a-z+]+):\/\/)?(?<rest>.*)$/s.exec(text)?.groups ?? {};
  return ['nats', 'tls'].includes(scheme) && /^[^\s,/?#]+\/?$/.test(rest) && URL.canParse(`http://${rest}`);
};

export const natsEntries = {
  natsUrl: {
    ...textEntry({
      env: ['OPSTREAM_NATS_URL', 'NATS_URL'],
      flag: 'nats-url',
      about: 'NATS servers, comma separated',
      fallback: 'nats://127.0.0.1:4222',
    }),
    expected: 'server addresses such as nats://127.0.0.1:4222',
    parse: (text: string) => (text.split(',').every(isServerAddress) ? text : undefined),
  },
  natsUser: optional(textEntry({ env: 'OPSTREAM_NATS_USER', flag: 'nats-user', about: 'NATS user' })),
  natsPassword: optional(textEntry({ env: 'OPSTREAM_NATS_PASSWORD', about: 'NATS password', secret: true })),
  natsToken: optional(textEntry({ env: 'OPSTREAM_NATS_TOKEN', about: 'NATS token', secret: true })),
  natsCreds: optional(
    textEntry({ env: 'OPSTREAM_NATS_CREDS', flag: 'nats-creds', about: 'path of a NATS credentials file' }),
  ),
  natsCa: optional(
    textEntry({
      env: ['OPSTREAM_NATS_CA', 'NATS_CA'],
      flag: 'nats-ca',
      about: "path of the certificate (PEM) of the authority that the server's is signed by; absent: those of Node",
    }),
  ),
  natsCert: optional(
    textEntry({
      env: ['OPSTREAM_NATS_CERT', 'NATS_CERT'],
      flag: 'nats-cert',
      about: 'path of the certificate (PEM) to show to the server',
    }),
  ),
  natsKey: optional(
    textEntry({ env: ['OPSTREAM_NATS_KEY', 'NATS_KEY'], flag: 'nats-key', about: 'path of its key (PEM)' }),
  ),
  prefix: tokenEntry({
    env: 'OPSTREAM_PREFIX',
    flag: 'prefix',
    about: 'name of the instance; first token of every subject',
    fallback: 'opstream',
  }),
} as const;

export const logEntries = {
  logLevel: choiceEntry({
    env: ['OPSTREAM_LOG_LEVEL', 'LOG_LEVEL'],
    flag: 'log-level',
    about: 'least level that is logged',
    fallback: 'info',
    choices: logLevels,
  }),
} as const;

export const instanceTable = {
  ...natsEntries,
  ...logEntries,
  replicas: optional(
    integerEntry({
      env: 'OPSTREAM_STREAM_REPLICAS',
      flag: 'replicas',
      about: 'replicas of the streams when they are made; absent: as their definitions say',
      min: 1,
      max: 5,
    }),
  ),
  storeFolder: optional(
    textEntry({
      env: 'OPSTREAM_STORE_FOLDER',
      about: "folder of the NATS server's store, when it is on this machine: a full disk is then named as such",
    }),
  ),
  secretKeys: optional(
    textEntry({
      env: 'OPSTREAM_SECRET_KEYS',
      about: 'keys that secrets are sealed with: <id>:<base64 of 32 bytes>, comma separated; the first seals, all open',
      secret: true,
    }),
  ),
  secretKeysFile: optional(
    textEntry({
      env: 'OPSTREAM_SECRET_KEYS_FILE',
      flag: 'secret-keys-file',
      about: 'the same, one a line, in a file that only its owner may read; read again when it changes',
    }),
  ),
  leaseTtlMs: durationEntry({
    env: 'OPSTREAM_LEASE_TTL',
    flag: 'lease-ttl',
    about: 'how long a silent leader stays leader',
    fallback: '5s',
    minMs: 1000,
    maxMs: 300_000,
  }),
  metricPort: optional(
    integerEntry({
      env: ['METRIC_PORT', 'OPSTREAM_METRIC_PORT'],
      flag: 'metric-port',
      about: 'port of /metrics, /healthz and /readyz; absent: none, 0: any free one',
      min: 0,
      max: 65_535,
    }),
  ),
} as const;

export type InstanceConfig = ConfigOf<typeof instanceTable>;
