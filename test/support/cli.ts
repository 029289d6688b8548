/** Runs the built `carillon` program, as a user would. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROOT } from './built.ts';

export const CLI = path.join(ROOT, 'dist/bundle/main.js');

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output, which has to be one JSON document. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- what the caller expects; another shape fails its test
  json<T>(): T;
}

/** A project of its own, with nothing in it and nothing of the machine's environment that would be taken for a setting. */
export interface CliFolder {
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  run(...args: readonly string[]): Promise<CliRun>;
  remove(): Promise<void>;
}

export function createCliFolder(env: Readonly<Record<string, string>>): CliFolder {
  const folder = mkdtempSync(path.join(tmpdir(), 'carillon-cli-'));
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  mkdirSync(path.join(folder, 'node_modules'));
  symlinkSync(ROOT, path.join(folder, 'node_modules/carillon'));
  const settings = {
    DATABASE_URL: undefined,
    REDIS_URL: undefined,
    NODE_ENV: undefined,
    FORCE_COLOR: undefined,
    NO_COLOR: '1',
    CARILLON_DATA_DIR: path.join(folder, 'data'),
    ...env,
  };
  return {
    path: folder,
    env: settings,
    run: (...args) => runCli(args, folder, settings),
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  };
}

function runCli(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<CliRun> {
  return new Promise((resolve) => {
    const command = [CLI, ...args];
    const child = execFile(
      process.execPath,
      command,
      { cwd, env: { ...process.env, ...env } },
      (error, stdout, stderr) => {
        // Null when it was killed by a signal.
        const code = error === null ? 0 : (child.exitCode ?? -1);
        resolve({ code, stdout, stderr, json: () => readJson(stdout, stderr) });
      },
    );
  });
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- see above
function readJson<T>(stdout: string, stderr: string): T {
  try {
    return JSON.parse(stdout) as T;
  } catch {
    throw new Error(`Not one JSON document: ${JSON.stringify(stdout)}; standard error: ${stderr}`);
  }
}
