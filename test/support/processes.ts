/**
 * Child processes that run a TypeScript file, built where it is one of ours, and talk in JSON lines on stdout. Other lines and stderr are kept for the
 * failure message.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { builtFileOf } from './built.ts';
import { registerOpened } from './left-behind.ts';
import { waitUntil } from './wait-until.ts';

export interface TestProcess {
  readonly pid: number;
  /** Every JSON line so far, parsed. */
  readonly lines: readonly unknown[];
  /** Everything else it wrote. */
  output(): string;
  /** The first line, past or future, that fits. Rejects when the process ends without one. */
  line<T>(fits: (line: T) => boolean, timeoutMs?: number): Promise<T>;
  /** Writes one JSON line to its stdin. */
  write(value: unknown): void;
  signal(name: NodeJS.Signals): void;
  /** SIGKILL, and gone when it resolves. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Run it as another user; only root can. */
  readonly uid?: number;
  readonly gid?: number;
}

/** Starts `file` (an absolute path or a file URL, say `new URL('./worker.ts', import.meta.url)`). */
export function startProcess(file: string | URL, { env, args = [], ...options }: ProcessOptions = {}): TestProcess {
  const script = typeof file === 'string' ? file : fileURLToPath(file);
  const built = builtFileOf(script);
  const program = built === null ? ['--import', import.meta.resolve('tsx'), script] : [built];
  const child = spawn(process.execPath, [...program, ...args], {
    ...options,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const lines: unknown[] = [];
  let noise = '';
  const keep = (text: string): void => {
    noise = (noise + text).slice(-20_000);
  };
  child.stdin.on('error', () => undefined);
  child.stderr.on('data', (chunk: Buffer) => keep(chunk.toString()));
  createInterface({ input: child.stdout }).on('line', (text) => {
    try {
      lines.push(JSON.parse(text));
    } catch {
      keep(`${text}\n`);
    }
  });
  let failure: Error | undefined;
  let closed = false;
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('error', (error) => {
      failure = error;
    });
    child.once('close', (code, signal) => {
      closed = true;
      resolve({ code, signal });
    });
  });
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  registerOpened({ what: `process ${child.pid} (${script})`, isOpen: () => !closed, destroy: kill });

  return {
    pid: child.pid ?? -1,
    lines,
    output: () => noise,
    line: <T>(fits: (line: T) => boolean, timeoutMs = 20_000) =>
      waitUntil(
        () => {
          const found = (lines as T[]).find(fits);
          if (found === undefined && closed) {
            throw new Error(
              `${script} ended (${child.signalCode ?? child.exitCode}) without that line.\n${failure?.message ?? noise}`,
            );
          }
          return found;
        },
        { timeoutMs, what: `a line of ${script}; so far ${JSON.stringify(lines.slice(-5))}\n${noise}` },
      ) as Promise<T>,
    write: (value) => void child.stdin.write(`${JSON.stringify(value)}\n`),
    signal: (name) => void child.kill(name),
    kill,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    ended,
  };
}
