/** Runs one short program of the Postgres distribution to its end, as the account and with the surroundings it needs. */
import type { SpawnOptions } from 'node:child_process';
import type { Env } from '../env.ts';
import type { Account } from './account.ts';

/** How it ended: `code` null means that it could not even be started, or died of a signal. */
export interface ToolResult {
  readonly code: number | null;
  readonly output: string;
}

/** Nothing of ours leaks into the server (PGDATA, PGOPTIONS, locale): it would change how it behaves. */
export function serverSurroundings(account: Account | null): SpawnOptions {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  return account === null ? { env } : { env, uid: account.uid, gid: account.gid };
}

export function runTool(
  env: Env,
  file: string,
  args: readonly string[],
  account: Account | null,
  cwd = '/',
): Promise<ToolResult> {
  return new Promise((resolve) => {
    const child = env.spawn(file, args, { ...serverSurroundings(account), cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-4000);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output: output.trim() }));
  });
}
