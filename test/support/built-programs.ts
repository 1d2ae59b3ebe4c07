// The programs of src/ compiled into a folder of this test file's own: they start three times as fast as through tsx, which counts in
// tests that start hundreds, and what is tested is src/ as it is now. Types are not checked here.

import { spawn } from 'node:child_process';
import { cpSync, symlinkSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { temporaryFolder } from './children.ts';
import { isBuilt, root } from './processes.ts';

/** Path of the folder that holds what `src` holds, compiled: that of `npm test`, else one that is removed when the test process ends. */
export const buildPrograms = async (): Promise<string> => {
  if (isBuilt) return join(root, 'dist');
  const { path } = temporaryFolder();
  for (const name of ['node_modules', 'streams']) symlinkSync(join(root, name), join(path, name));
  cpSync(join(root, 'package.json'), join(path, 'package.json'));
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const options = ['--noCheck', '--incremental', 'false', '--declaration', 'false', '--outDir', join(path, 'dist')];
  const child = spawn(process.execPath, [compiler, '-p', join(root, 'tsconfig.json'), ...options], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`tsc ended with ${code ?? 'a signal'}`);
  return join(path, 'dist');
};
