/** Carillon is measured as its users run it: built. */
import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const ROOT = path.resolve(import.meta.dirname, '..');
const MIGRATIONS = 'src/store/postgres/migrations';

export async function build(): Promise<void> {
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', path.join(ROOT, 'bench/tsconfig.build.json')]);
  await cp(path.join(ROOT, MIGRATIONS), path.join(ROOT, 'dist', MIGRATIONS), { recursive: true });
}
