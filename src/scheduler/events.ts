import { EventEmitter } from 'node:events';
import type { AnyEventObject, StateValue } from 'xstate';
import type { RunRecord } from '../run-record.ts';

/** A run that this process's worker settled. */
export interface SettledEvent {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly record: RunRecord;
}

/** A turn that this process's worker committed. */
export interface TransitionEvent {
  readonly id: string;
  readonly name: string;
  readonly state: StateValue | null;
  /** Events journaled so far. */
  readonly seq: number;
  /** What the machine emitted in this turn. */
  readonly emitted: readonly AnyEventObject[];
}

/** An actor this process's worker had to set aside. */
export interface QuarantinedEvent {
  readonly id: string;
  readonly name: string;
  readonly reason: string;
}

export interface SchedulerEvents {
  settled: SettledEvent;
  transition: TransitionEvent;
  quarantined: QuarantinedEvent;
  /** What went wrong outside any run: a store that is away, a listener that threw. Logged as well. */
  error: Error;
}

/** Node ends a process over an unheard event named 'error'; ours is only news. */
const NAMES: Record<keyof SchedulerEvents, string> = {
  settled: 'carillon:settled',
  transition: 'carillon:transition',
  quarantined: 'carillon:quarantined',
  error: 'carillon:error',
};

/** Listeners are guests: one that throws costs neither the run nor the other listeners anything. */
export class Announcer {
  readonly #emitter = new EventEmitter();
  readonly #failed: (error: unknown) => void;

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
    this.#emitter.setMaxListeners(0);
  }

  /** Returns how to stop listening. */
  on<K extends keyof SchedulerEvents>(event: K, listener: (event: SchedulerEvents[K]) => void): () => void {
    const guarded = (value: SchedulerEvents[K]): void => {
      try {
        listener(value);
      } catch (error) {
        this.#failed(error);
      }
    };
    this.#emitter.on(NAMES[event], guarded);
    return () => this.#emitter.off(NAMES[event], guarded);
  }

  /** Whether anybody listens: what nobody hears need not be made. */
  hears(event: keyof SchedulerEvents): boolean {
    return this.#emitter.listenerCount(NAMES[event]) > 0;
  }

  tell<K extends keyof SchedulerEvents>(event: K, value: SchedulerEvents[K]): void {
    this.#emitter.emit(NAMES[event], value);
  }
}
