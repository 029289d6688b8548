/** A backend whose BullMQ is loaded when it is first needed: most commands, and whoever only reads, arm nothing and hear nothing. */
import type { AlarmBackend, BullQueue, BullWorker } from './backend.ts';

export class LazyAlarmBackend implements AlarmBackend {
  readonly #load: () => Promise<AlarmBackend>;
  #loading: Promise<AlarmBackend> | undefined;
  #backend: AlarmBackend | undefined;
  #closed = false;

  constructor(load: () => Promise<AlarmBackend>) {
    this.#load = load;
  }

  async connect(signal: AbortSignal): Promise<void> {
    const backend = await this.load();
    await backend.connect(signal);
  }

  async load(): Promise<AlarmBackend> {
    this.#loading ??= this.#load();
    this.#backend ??= await this.#loading;
    if (this.#closed) {
      await this.#backend.close();
      throw new Error('The alarms were closed.');
    }
    return this.#backend;
  }

  async ping(): Promise<void> {
    await this.#loaded.ping();
  }

  openQueue(name: string, onError: (error: Error) => void): BullQueue {
    return this.#loaded.openQueue(name, onError);
  }

  openWorker(name: string): BullWorker {
    return this.#loaded.openWorker(name);
  }

  unhang(): void {
    this.#backend?.unhang();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#backend?.close();
  }

  get #loaded(): AlarmBackend {
    if (this.#backend === undefined) throw new Error('Connect before anything else.');
    return this.#backend;
  }
}
