// Credentials that stand in a manifest: it is stored for ever, in the clear, in events, views and histories. Found by the name of the field or
// by the form of the value. The value itself is never part of a finding.

import { isJsonObject, toPointer, type JsonValue } from '../../core/json.ts';
import { printable } from '../../core/names.ts';
import type { Finding } from '../../messages/finding.ts';
import type { ComponentView, OperatorView, Placed } from './operator-view.ts';

/** Cheap, and says no for nearly every name. */
const MAYBE_SECRET = /secret|token|pass|pwd|credential|key|connection|sas/i;
const SECRET_NAME =
  /(?:^|_)(?:SECRETS?|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PWD|CREDENTIALS?|SAS|(?:API|ACCESS|PRIVATE|SECRET|ACCOUNT|SIGNING|ENCRYPTION|CLIENT|SHARED|MASTER)_?KEY|CONNECTION_?STRING)(?:_|$)/;
/** `TOKEN_URL` is where a token comes from, and no token. */
const ABOUT_A_SECRET =
  /_(?:FILE|PATH|DIR|FOLDER|NAME|ID|URL|URI|ENDPOINT|HOST|HEADER|TTL|INTERVAL|TIMEOUT|TYPE|KIND|ENABLED|EXPIRY|VERSION|REF|REFERENCE|COUNT|LENGTH|SIZE|LIMIT|SUBJECT|STREAM|QUEUE|FIELD|PARAMETER)$/;
const REFERENCE = /^(?:sealed:v1:|\(sealed, key |\$\{?[A-Za-z_]|\{\{|<[^<>]*>$|\*+$|\/|\.\.?\/)/;
const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, 'a private key'],
  [/^eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\./, 'a JSON Web Token'],
  [/^(?:AKIA|ASIA)[0-9A-Z]{16}$/, 'an AWS access key'],
  [/^gh[opsur]_[A-Za-z0-9]{20,}$/, 'a GitHub token'],
  [/^xox[abprs]-[A-Za-z0-9-]{10,}/, 'a Slack token'],
  [/^[a-z][a-z0-9+.-]*:\/\/[^\s/:@]+:[^\s/@]+@/i, 'a URL with a password'],
  [/(?:^|;)\s*(?:AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd)\s*=\s*[^;\s]/i, 'a connection string'],
];
/** Without one of these no value has a shape of `SHAPES` or looks random. */
const TELLING = /[0-9]|:\/\/|[=;]|-----/;
/** One look instead of seven, for the many values that have none of the shapes. */
const ANY_SHAPE =
  /-----BEGIN|^eyJ|^A[KS]IA|^gh[opsur]_|^xox|^[a-z][a-z0-9+.-]*:\/\/|key=|signature=|p(?:ass)?w(?:or)?d\s*=/i;
const MIN_RANDOM_LENGTH = 20;
const MIN_ENTROPY_BITS = 3.6;
const MIN_CHANGES = 0.35;
const UUID_LIKE = /^[0-9a-z]{8}(?:-[0-9a-z]{4}){3}-[0-9a-z]{12}$/i;
const MAX_FIELDS = 500;

/** `clientSecret` and `client-secret` as `CLIENT_SECRET`. */
const upperSnake = (name: string): string =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[-.\s]+/g, '_')
    .toUpperCase();

const isSecretName = (name: string): boolean => {
  if (name.length > 200 || !MAYBE_SECRET.test(name)) return false;
  const plain = upperSnake(name);
  return SECRET_NAME.test(plain) && !ABOUT_A_SECRET.test(plain);
};

const MIXED = [/[a-z]/, /[A-Z]/, /[0-9]/];

const classOf = (character: string): number =>
  /[a-z]/.test(character) ? 1 : /[A-Z]/.test(character) ? 2 : /[0-9]/.test(character) ? 3 : 4;

const mayBeRandom = (text: string): boolean => {
  const isLong = text.length >= MIN_RANDOM_LENGTH && text.length <= 512;
  return isLong && !/\s|:\/\//.test(text) && !UUID_LIKE.test(text) && MIXED.every((kind) => kind.test(text));
};

/** Text that no person and no naming scheme makes: long, without spaces, all kinds of characters, changing all the time. */
const looksRandom = (text: string): boolean => {
  if (!mayBeRandom(text)) return false;
  const counts = new Map<string, number>();
  let changes = 0;
  let before = 0;
  for (const character of text) {
    counts.set(character, (counts.get(character) ?? 0) + 1);
    const now = classOf(character);
    if (before !== 0 && now !== before) changes += 1;
    before = now;
  }
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits >= MIN_ENTROPY_BITS && changes / text.length >= MIN_CHANGES;
};

/** Why `text` in a field of that name is taken for a credential; undefined: it is not. */
export const credentialReason = (name: string, text: string): string | undefined => {
  const isTelling = text.length >= 8 && TELLING.test(text);
  const shape = !isTelling || !ANY_SHAPE.test(text) ? undefined : SHAPES.find(([pattern]) => pattern.test(text));
  if (shape !== undefined) return `looks like ${shape[1]}`;
  if (REFERENCE.test(text)) return undefined;
  if (isSecretName(name) && text !== '' && text !== 'true' && text !== 'false') return 'is a credential by its name';
  return isTelling && looksRandom(text) ? 'looks like a credential (random text)' : undefined;
};

const COMPONENT_HINT =
  'put it into a secret and name that in dataosSecrets (consumptionType: envVars); then change the credential, because this one has been seen';
const RESOURCE_HINT = "keep it out of the spec: give it to the operator's component as a secret";

const finding = (what: string, reason: string, hint: string, pointer: string): Finding => ({
  code: 'INLINE_CREDENTIAL',
  severity: 'warning',
  message: `${what} ${reason}, and a manifest is stored in the clear, for ever`,
  hint,
  pointer,
});

/** Sealed before it is stored, so only the file is of concern. */
const apiKeyFinding = ({ pointer }: Placed): Finding => ({
  code: 'INLINE_CREDENTIAL',
  severity: 'note',
  message: 'runAsApiKey is a credential; it is sealed in everything that is stored, but it stands here in the file',
  hint: 'keep the file to yourself, or leave the field out',
  pointer,
});

const argumentName = (text: string): readonly [string, string | undefined] => {
  const match = /^--?([A-Za-z][\w.-]*)(?:=(.*))?$/s.exec(text);
  return match === null ? ['', text] : [match[1] ?? '', match[2]];
};

const argumentFindings = ({ arguments: given }: ComponentView): readonly Finding[] => {
  let flag = '';
  return given.flatMap(({ text, pointer }) => {
    const [name, value] = argumentName(text);
    const reason = value === undefined ? undefined : credentialReason(name === '' ? flag : name, value);
    const what = `the argument${(name || flag) === '' ? '' : ` of --${printable(name || flag)}`}`;
    flag = value === undefined ? name : '';
    return reason === undefined ? [] : [finding(what, reason, COMPONENT_HINT, pointer)];
  });
};

export const operatorCredentialFindings = ({ components, clusterApiKey }: OperatorView): readonly Finding[] => [
  ...components.flatMap((component) => [
    ...[...component.variables].flatMap(([name, { text, pointer }]) => {
      const reason = credentialReason(name, text);
      return reason === undefined ? [] : [finding(`the variable ${printable(name)}`, reason, COMPONENT_HINT, pointer)];
    }),
    ...argumentFindings(component),
  ]),
  ...[clusterApiKey, ...components.map(({ runAsApiKey }) => runAsApiKey)].flatMap((key) =>
    key === undefined || REFERENCE.test(key.text) ? [] : [apiKeyFinding(key)],
  ),
];

const NONE: readonly Finding[] = [];

/** Strings in a spec. On the hot path of applies: nothing is built unless something is found. */
export const specCredentialFindings = (spec: JsonValue | undefined): readonly Finding[] => {
  let findings: Finding[] | undefined;
  let fields = 0;
  const path: (string | number)[] = ['resource', 'spec'];
  const visit = (value: JsonValue, name: string): void => {
    fields += 1;
    if (fields > MAX_FIELDS) return;
    if (typeof value === 'string') {
      const isSuspect = value.length >= MIN_RANDOM_LENGTH || MAYBE_SECRET.test(name);
      const reason = isSuspect ? credentialReason(name, value) : undefined;
      if (reason === undefined) return;
      findings ??= [];
      findings.push(finding(`the field "${printable(name)}"`, reason, RESOURCE_HINT, toPointer(path)));
    } else if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index += 1) {
        path.push(index);
        visit(value[index] as JsonValue, name);
        path.pop();
      }
    } else if (isJsonObject(value)) {
      for (const key in value) {
        path.push(key);
        visit(value[key] as JsonValue, key);
        path.pop();
      }
    }
  };
  if (spec !== undefined) visit(spec, '');
  return findings ?? NONE;
};
