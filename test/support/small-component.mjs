// A component without an SDK: serves /readyz on METRIC_PORT and prints what it was started with. Behaviour by variables: EXIT_CODE ends it at
// once; NEVER_READY keeps it unready; STUBBORN ignores SIGTERM.
import { createServer } from 'node:http';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const { env } = process;
console.log(JSON.stringify({ started: process.pid, arguments: process.argv.slice(2) }));
console.error('on stderr');
if (env.EXIT_CODE !== undefined) process.exit(Number(env.EXIT_CODE));
const folder = env.DATAOS_SECRET_DIR;
const secrets = () =>
  readdirSync(folder).map((name) => ({
    name,
    mode: statSync(join(folder, name)).mode & 0o777,
    text: readFileSync(join(folder, name), 'utf8'),
  }));
const server = createServer((request, response) => {
  if (request.url === '/environment') response.end(JSON.stringify({ env, secrets: secrets() }));
  else response.writeHead(env.NEVER_READY === undefined ? 200 : 503).end();
});
server.listen(Number(env.METRIC_PORT), '127.0.0.1');
process.on('SIGTERM', () => {
  if (env.STUBBORN !== undefined) return;
  console.log('stopping');
  server.close();
  server.closeAllConnections();
  process.exit(0);
});
