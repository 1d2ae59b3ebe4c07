// A component that tells what it must not: its variables and secret files, to both outputs, in the forms in which programs print a value. For
// the rest it is the small component. Of a properties file it tells the values as well, as a program that has read them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const { env } = process;
const SILENT = ['PATH', 'HOME', 'TMPDIR'];
const folder = env.DATAOS_SECRET_DIR;
const files = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]);
const read = (text) =>
  text.replaceAll(/\\u([0-9a-f]{4})|\\(.)/g, (_all, hex, one) =>
    hex === undefined ? (one === 'n' ? '\n' : one) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
const properties = files.flatMap(([name, text]) =>
  !name.endsWith('.properties')
    ? []
    : text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => [`${name}:${line.split('=')[0]}`, read(line.slice(line.indexOf('=') + 1))]),
);
const base64 = (text) => Buffer.from(text).toString('base64');
const variables = Object.entries(env).filter(([name]) => !SILENT.includes(name));
for (const print of [console.log, console.error]) {
  for (const [name, text] of [...variables, ...files, ...properties]) {
    print(`tell ${name} ${text}`);
    print(`json ${name} ${JSON.stringify({ text })}`);
    print(`url ${name} https://example.com/?a=${encodeURIComponent(text)}`);
    print(`base64 ${name} ${base64(text)}`);
    print(`login ${name} Basic ${base64(`user:${text}`)}`);
  }
  print(`told ${variables.length}`);
}
await import('./small-component.mjs');
