/** Worker processes that another command starts. They stop when it is gone, unless they are to outlive it. */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { systemEnv } from '../env.ts';

export interface WorkerProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** How it ended: an exit code, or the name of a signal. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  signal(name: NodeJS.Signals): void;
}

type HowToStart = Pick<SpawnOptions, 'env'> & { readonly outlive?: boolean; readonly output: 'pipe' | number };

/** Starts `carillon worker` with these arguments. `outlive`: it goes on when this process ends. */
export function startWorkerProcess(args: readonly string[], how: HowToStart): WorkerProcess {
  return startCommandProcess('worker', args, how);
}

/** Starts another command of this program, one that goes on until it is told to stop. */
export function startCommandProcess(
  command: 'worker' | 'dashboard',
  args: readonly string[],
  { outlive = false, output, env }: HowToStart,
): WorkerProcess {
  const child = systemEnv.spawn(process.execPath, [...programArguments(), command, ...args], {
    env: env ?? process.env,
    detached: outlive,
    stdio: outlive ? ['ignore', output, output] : ['ignore', output, output === 'pipe' ? 'inherit' : output, 'ipc'],
  });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('exit', (code, signal) => resolve(signal ?? code));
  });
  return { pid: child.pid ?? -1, child, ended, signal: (name) => void child.kill(name) };
}

/** This same program, from its sources or built. */
function programArguments(): string[] {
  const sources = import.meta.url.endsWith('.ts');
  const main = fileURLToPath(new URL(sources ? './main.ts' : './main.js', import.meta.url));
  return sources ? ['--import', import.meta.resolve('tsx'), main] : [main];
}
