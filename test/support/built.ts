/**
 * What tests start as processes of their own is built first: a process that has to read TypeScript takes twice as long to
 * start, and tests start hundreds. Only what changed is written again.
 */
import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundleSources } from '../../scripts/bundle-sources.js';

// From here and from the build itself.
export const ROOT = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../' : '../../../', import.meta.url));
const MIGRATIONS = 'src/store/postgres/migrations';

/** Once for all projects of a run, which share a process. */
export function build(): Promise<void> {
  const shared = globalThis as { carillonBuild?: Promise<void> };
  shared.carillonBuild ??= buildAnew();
  return shared.carillonBuild;
}

async function buildAnew(): Promise<void> {
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const compiled = promisify(execFile)(process.execPath, [tsc, '-p', path.join(ROOT, 'tsconfig.processes.json')]);
  await Promise.all([compiled, bundleSources()]);
  await cp(path.join(ROOT, MIGRATIONS), path.join(ROOT, 'dist', MIGRATIONS), { recursive: true });
}

/** The built file of a source file of ours, or the file itself if it needs no building; null for any other file. */
export function builtFileOf(source: string): string | null {
  if (source.endsWith('.js')) return source;
  const relative = path.relative(ROOT, source);
  if (relative.startsWith('..') || !relative.endsWith('.ts')) return null;
  return path.join(ROOT, 'dist', relative.replace(/\.ts$/, '.js'));
}
