// A component that counts: a line on stdout for each number, every tenth on stderr too. TALK_EVERY_MS is the pause; SECRET_WORD is printed
// once, which is what must not be seen.
import { createServer } from 'node:http';

const { TALK_EVERY_MS = '20', SECRET_WORD = '', METRIC_PORT = '0', TALK_TO = '1000000' } = process.env;
createServer((_request, response) => response.end()).listen(Number(METRIC_PORT), '127.0.0.1');
console.log(`the word is ${SECRET_WORD}`);
let count = 0;
const timer = setInterval(() => {
  count += 1;
  console.log(`line ${count}`);
  if (count % 10 === 0) console.error(`error ${count}`);
  if (count === Number(TALK_TO)) clearInterval(timer);
}, Number(TALK_EVERY_MS));
process.on('SIGTERM', () => {
  console.log('the last word');
  process.exit(0);
});
