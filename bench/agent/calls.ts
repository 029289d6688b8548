/** What a bench process can be asked. Every argument and result is JSON: the other side may be another Node. */
import type { Producer, Purpose, System } from './contract.ts';
import type { Ledger, Report } from './ledger.ts';
import { addFuture, addHeld, addInBulk, addPaced, addSingly, addTimers, untilDrained, warmUp } from './load.ts';

export interface Calls {
  settings(): System['settings'];
  prepare(): Promise<void>;
  connect(): Promise<void>;
  bulk(count: number): Promise<number>;
  singly(count: number, inFlight: number): Promise<number>;
  future(count: number): Promise<number>;
  warmUp(count: number): Promise<void>;
  hold(count: number): Promise<void>;
  paced(count: number, perSecond: number): Promise<readonly number[]>;
  timers(count: number, when: { readonly leadMs: number; readonly spreadMs: number }): Promise<number>;
  drained(timeoutMs: number): Promise<number>;
  failed(): Promise<number>;
  expect(count: number): void;
  work(purpose: Purpose, count: number): Promise<void>;
  report(): Report;
  close(): Promise<void>;
}

export function callsOf(system: System, ledger: Ledger): Calls {
  let connected: Producer | null = null;
  let stop: (() => Promise<unknown>) | null = null;
  const producer = (): Producer => {
    if (connected === null) throw new Error('This process has not connected as a producer.');
    return connected;
  };
  return {
    settings: () => system.settings,
    prepare: () => system.prepare(),
    async connect() {
      connected = await system.connect();
    },
    bulk: (count) => addInBulk(producer(), count),
    singly: (count, inFlight) => addSingly(producer(), count, inFlight),
    future: (count) => addFuture(producer(), count),
    warmUp: (count) => warmUp(producer(), count),
    hold: (count) => addHeld(producer(), count),
    paced: (count, perSecond) => addPaced(producer(), count, perSecond),
    timers: (count, when) => addTimers(producer(), count, when),
    drained: (timeoutMs) => untilDrained(producer(), timeoutMs),
    failed: () => producer().failed(),
    expect: (count) => ledger.expect(count),
    async work(purpose, count) {
      ledger.expect(count);
      stop = await system.work(purpose, ledger.started);
    },
    report: () => ledger.report(),
    async close() {
      await stop?.();
      await connected?.close();
    },
  };
}
