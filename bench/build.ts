/** Carillon is measured as its users run it: built. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { bundleSources } from '../scripts/bundle-sources.js';

const ROOT = path.resolve(import.meta.dirname, '..');

export async function build(): Promise<void> {
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', path.join(ROOT, 'bench/tsconfig.build.json')]);
  await bundleSources();
}
