/** One process of a system, as the bench sees it: what it is asked, and how many jobs it has run. */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { Calls } from './agent/calls.ts';
import type { Purpose } from './agent/contract.ts';
import { peersNode } from './peers.ts';
import type { BenchedSystem } from './systems.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../dist/bench/agent/main.js');
const STOP_PATIENCE_MS = 8_000;

type Message =
  | { readonly ready: true }
  | { readonly runs: number }
  | { readonly id: number; readonly value?: unknown; readonly error?: string };

export interface BenchProcess {
  /** Whatever `calls` of the other side return. Rejects with what went wrong there, or when it takes too long. */
  ask<Name extends keyof Calls>(
    call: Name,
    ...args: Parameters<Calls[Name]>
  ): Promise<Awaited<ReturnType<Calls[Name]>>>;
  /** Connected, or working where it was started with a purpose. */
  readonly ready: Promise<void>;
  runs(): number;
  /** Called whenever `runs` changed or the process ended. */
  onChange(listener: () => void): void;
  /** Why it ended, unless it goes on. */
  ended(): string | null;
  /** Lets it close its connections first. */
  stop(): Promise<void>;
  kill(): void;
}

const alive = new Set<ChildProcess>();

/** For the end of the bench, however it comes. */
export function killProcesses(): void {
  for (const child of alive) child.kill('SIGKILL');
}

export function startBenchProcess(
  system: BenchedSystem,
  env: Readonly<Record<string, string>>,
  work?: { readonly purpose: Purpose; readonly count: number },
): BenchProcess {
  const { DATABASE_URL: _url, REDIS_URL: _redis, NODE_OPTIONS: _options, ...surroundings } = process.env;
  const child = fork(PROGRAM, [system.adapter, ...(work ? [work.purpose, String(work.count)] : [])], {
    execPath: system.peerPackage === null ? process.execPath : peersNode(),
    execArgv: [],
    env: { ...surroundings, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  alive.add(child);
  const questions = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  const listeners: (() => void)[] = [];
  let noise = '';
  let runs = 0;
  let asked = 0;
  let ending: string | null = null;
  let resolveReady: () => void = () => undefined;
  let rejectReady: (error: Error) => void = () => undefined;
  const ready = new Promise<void>((resolve, reject) => {
    resolveReady = resolve;
    rejectReady = reject;
  });
  ready.catch(() => undefined);
  child.stderr?.on('data', (chunk: Buffer) => {
    noise = (noise + chunk.toString()).slice(-2_000);
  });
  const end = (how: string): void => {
    alive.delete(child);
    ending = `${system.name} ended (${how})${noise ? `: ${noise.trim().split('\n').slice(-3).join(' | ')}` : ''}`;
    rejectReady(new Error(ending));
    for (const { reject } of questions.values()) reject(new Error(ending));
    questions.clear();
    for (const listener of listeners) listener();
  };
  child.once('error', (error) => end(error.message));
  child.once('exit', (code, signal) => end(String(signal ?? code)));
  child.on('message', (message: Message) => {
    if ('ready' in message) resolveReady();
    else if ('runs' in message) {
      runs = message.runs;
      for (const listener of listeners) listener();
    } else {
      const question = questions.get(message.id);
      questions.delete(message.id);
      if (message.error === undefined) question?.resolve(message.value);
      else question?.reject(new Error(message.error));
    }
  });
  const ask: BenchProcess['ask'] = (call, ...args) =>
    new Promise((resolve, reject) => {
      if (ending !== null) return reject(new Error(ending));
      const id = ++asked;
      questions.set(id, { resolve: resolve as (value: unknown) => void, reject });
      child.send({ id, call, args });
    });
  return {
    ask,
    ready,
    runs: () => runs,
    onChange: (listener) => void listeners.push(listener),
    ended: () => ending,
    async stop() {
      if (ending !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE_MS);
      await ask('close').catch(() => undefined);
      if (child.connected) child.disconnect();
      await gone;
      clearTimeout(impatience);
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
