/** One step along a known path: what XState would make of it, made without asking XState again. */

import type { AnyEventObject } from 'xstate';
import { appended, joined, NONE } from '../sparse-list.ts';
import { customAction, type Deferred } from './aftermath.ts';
import { childrenOf, isEmpty, NO_CHILDREN } from './canonical.ts';
import type { Entry, MachineEntry } from './catalogue.ts';
import type { Path } from './path.ts';
import type { Run } from './run.ts';
import type { StandIn } from './stand-in.ts';
import type { Context, ExecutableAction, MachineSnapshot } from './xstate-internals.ts';

/** What is found on the way that a path cannot do: the step begins again, with XState. */
class OffThePath extends Error {}

export class Walk {
  context: Context;
  output: unknown;
  readonly event: AnyEventObject;
  readonly entry: MachineEntry;
  readonly self: StandIn;
  readonly before: MachineSnapshot;
  /** What waits until the new snapshot is in place, in order. */
  deferred: readonly (() => void)[] = NONE;
  readonly #run: Run;
  #actions: readonly Deferred[] = NONE;
  #children: MachineSnapshot['children'];
  /** XState makes a new snapshot even where nothing is different in it, or has something to do that comes to nothing. */
  #touched = false;
  #raised = false;

  constructor(run: Run, entry: MachineEntry, self: StandIn, before: MachineSnapshot, event: AnyEventObject) {
    this.#run = run;
    this.entry = entry;
    this.self = self;
    this.before = before;
    this.event = event;
    this.context = before.context;
    this.#children = before.children ?? NO_CHILDREN;
  }

  /** The snapshot it leads to, in its canonical form; `before` itself where XState would give that back. */
  along({ acts, to, done }: Path): MachineSnapshot {
    const { before } = this;
    const run = this.#run;
    for (const act of acts) act(this);
    run.deferred = joined(run.deferred, this.#actions);
    if (!done && !this.#touched && to.value === before.value) return before;
    return {
      ...to,
      status: done ? 'done' : 'active',
      output: run.clean(this.output, 'output'),
      error: undefined,
      context: this.context === before.context ? before.context : run.clean(this.context, 'context'),
      children: done ? NO_CHILDREN : childrenOf(run, this.#children, before.children),
      historyValue: to.historyValue,
    };
  }

  /** The context a machine begins with. */
  begin(): void {
    const { event, self, entry } = this;
    const made = entry.logic.config.context;
    const { input } = event as { readonly input?: unknown };
    const context = typeof made === 'function' ? Object.assign({}, made({ spawn: offThePath, input, self })) : made;
    this.context = (context ?? {}) as Context;
  }

  args(): Record<string, unknown> {
    const { context, event, self } = this;
    return { context, event, self, system: this.#run.system };
  }

  assignArgs(): Record<string, unknown> {
    const { context, event, self } = this;
    return { context, event, spawn: offThePath, self, system: this.#run.system };
  }

  assign(update: Context): void {
    // XState assigns, which takes this for the prototype; a spread is ten times as fast, and takes it for data.
    if (Object.hasOwn(update, '__proto__')) throw new OffThePath();
    this.context = { ...this.context, ...update };
    this.#touched = true;
  }

  custom(type: string, exec: ExecutableAction['exec'], params: unknown): void {
    if (exec)
      this.#actions = appended(
        this.#actions,
        customAction(this.#run, this.self, { type, info: this.args(), params, exec }),
      );
  }

  raise(event: AnyEventObject, delayMs: unknown, sendId: string | undefined): void {
    if (typeof delayMs !== 'number') throw new OffThePath();
    this.#touched = true;
    // It never comes due, so nothing is kept of it.
    if (delayMs === Number.POSITIVE_INFINITY) return;
    this.#raised = true;
    const { address } = this.self;
    this.#defer(() => this.#run.setTimer({ source: address, target: address, event, delayMs, sendId }));
  }

  cancel(sendId: string): void {
    const { agenda } = this.#run;
    const { address } = this.self;
    // Most states are left because their timer fired, or have one that never comes due.
    if (this.#raised || agenda.hasTimer(address, sendId)) this.#defer(() => agenda.cancelTimers(address, sendId));
    else this.#touched = true;
  }

  start(entry: Entry, id: string, sync: boolean, input: unknown): void {
    const { births } = this.#run;
    const child = births.expect(entry, id, sync);
    this.#children = { ...this.#children, [id]: child };
    this.#touched = true;
    this.#defer(() => births.start(child, input));
  }

  stop(id: string): void {
    const child = this.#children[id];
    this.#touched = true;
    if (!child) return;
    this.#children = without(this.#children, id);
    const address = this.#run.addressOf(child);
    // At once, while the actor itself stops later: as XState unregisters it.
    this.#run.unregister(address);
    this.#defer(() => this.#run.stop(address));
  }

  #defer(work: () => void): void {
    this.deferred = appended(this.deferred, work);
  }
}

function without(children: MachineSnapshot['children'], gone: string): MachineSnapshot['children'] {
  const { [gone]: _, ...left } = children;
  return isEmpty(left) ? NO_CHILDREN : left;
}

function offThePath(): never {
  throw new OffThePath();
}
