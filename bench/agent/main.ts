/**
 * A bench process: one system, as producer, as worker or as both. `node main.js <adapter> [purpose count]`; with a purpose it
 * works at once, before anybody could ask it to. Runs built, under the Node of the system.
 */
import { callsOf } from './calls.ts';
import type { System } from './contract.ts';
import { openLedger } from './ledger.ts';

interface Question {
  readonly id: number;
  readonly call: string;
  readonly args: readonly unknown[];
}

/** How often a worker says how far it is, for those that share their jobs with another one. */
const TELL_MS = 5;

const [adapter = '', purpose, count = '0'] = process.argv.slice(2);
const { default: system } = (await import(adapter)) as { default: System };

let told = 0;
const tell = (): void => {
  if (ledger.runs() !== told) process.send?.({ runs: ledger.runs() });
  told = ledger.runs();
};
const ledger = openLedger(tell);
const calls = callsOf(system, ledger) as unknown as Record<string, (...args: readonly unknown[]) => unknown>;

process.on('message', ({ id, call, args }: Question) => {
  void (async () => {
    try {
      process.send?.({ id, value: await calls[call]?.(...args) });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? error.message : String(error) });
    }
  })();
});
process.once('disconnect', () => process.exit(0));
setInterval(tell, TELL_MS);
if (purpose) await calls['work']?.(purpose, Number(count));
process.send?.({ ready: true });
