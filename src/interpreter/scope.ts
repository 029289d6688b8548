/** The surroundings XState gets for one transition of one actor: it notes what is to be done, in order, and does none of it. */

import type { AnyEventObject } from 'xstate';
import { customAction, logged } from './aftermath.ts';
import type { Run } from './run.ts';
import type { StandIn } from './stand-in.ts';
import { type ActorLike, type ActorScope, builtInActions, type ExecutableAction } from './xstate-internals.ts';

export class Scope implements ActorScope {
  readonly self: StandIn;
  readonly id: string;
  /** What XState puts off until the new snapshot is in place: sends, timers, starts, stops, emits. */
  readonly deferred: (() => void)[] = [];
  // XState calls these two by themselves, without the scope they belong to; it also puts its own executor in front.
  actionExecutor: (action: ExecutableAction) => void;
  readonly logger: (...values: unknown[]) => void;
  readonly #run: Run;

  constructor(run: Run, self: StandIn) {
    this.#run = run;
    this.self = self;
    this.id = self.id;
    this.logger = (...values) => run.defer(logged(values));
    this.actionExecutor = (action) => {
      if (!action.exec) return;
      if (builtInActions.has(action.type)) action.exec();
      else run.defer(customAction(run, self, action));
    };
  }

  get sessionId(): string {
    return this.#run.id + this.self.address;
  }
  get system(): unknown {
    return this.#run.system;
  }
  get now(): number {
    return this.#run.now;
  }
  defer(work: () => void): void {
    this.deferred.push(work);
  }
  /** Only the root has listeners outside of the system. */
  emit(event: AnyEventObject): void {
    if (this.self.address === '') this.#run.emit(this.#run.clean(event, 'emitted event'));
  }
  stopChild(child: ActorLike): void {
    this.#run.stop(this.#run.addressOf(child));
  }
}
