/** Threads in simulated processes: what reaches them is told here and nowhere else, and how they answer is the test's to say. */

import { pino } from 'pino';
import type { AnyDefinition, Delivery, Scheduler, SchedulerOptions } from '../../src/index.ts';
import type { SettledEvent } from '../../src/scheduler/events.ts';
import type { LogLine } from './scheduler.ts';
import { type Process, Simulation } from './simulation.ts';

export interface Said extends Omit<Delivery, 'signal'> {
  readonly process: string;
  readonly at: number;
}

/** An answer that never comes. */
export const silence = (): Promise<void> => new Promise(() => {});

export class ThreadStage {
  readonly simulation: Simulation;
  readonly said: Said[] = [];
  readonly aborted: string[] = [];
  readonly settled: SettledEvent[] = [];
  readonly log: LogLine[] = [];
  /** How a thread answers; delivered unless said otherwise. */
  answer: (delivery: Delivery, process: string) => void | Promise<void> = () => {};
  #client: Process | undefined;

  constructor(
    seed = 1,
    definitions: (process: Process) => readonly AnyDefinition[] = () => [],
    settings: (process: Process) => Partial<SchedulerOptions> = () => ({}),
  ) {
    this.simulation = new Simulation(seed, definitions, (process) => ({
      threads: { deliver: (delivery) => this.#deliver(delivery, process) },
      logger: pino({ level: 'warn' }, { write: (line: string) => void this.log.push(JSON.parse(line) as LogLine) }),
      ...settings(process),
    }));
  }

  /** A process that schedules and reads only. */
  async client(): Promise<Scheduler> {
    this.#client ??= await this.simulation.open('client', false);
    return this.#client.scheduler as Scheduler;
  }

  async worker(name: string): Promise<Process> {
    const process = await this.simulation.open(name, { concurrency: 10 });
    const scheduler = process.scheduler as Scheduler;
    scheduler.on('settled', (event) => this.settled.push(event));
    await this.simulation.settling(scheduler.start());
    return process;
  }

  /** What a call gives, while time moves on. */
  done<T>(call: Promise<T>): Promise<T> {
    return this.simulation.settling(call);
  }

  advance(ms: number): Promise<void> {
    return this.simulation.world.advance(ms);
  }

  attempts(id: string): number[] {
    return this.said.filter(({ followupId }) => followupId === id).map(({ attempt }) => attempt);
  }

  async #deliver(delivery: Delivery, process: Process): Promise<void> {
    const { signal, ...said } = delivery;
    this.said.push({ ...said, process: process.name, at: this.simulation.now() });
    signal.addEventListener('abort', () => this.aborted.push(said.followupId));
    await this.answer(delivery, process.name);
  }
}
