/** The pure step: a state and one thing that happened in, the next state and what is to be done about it out. */

import type { AnyEventObject, StateValue } from 'xstate';
import type { Deferred } from './aftermath.ts';
import { type EffectResult, finish } from './endings.ts';
import { MachineFault } from './machine-fault.ts';
import type { Prepared } from './prepare.ts';
import { STARTING } from './readable.ts';
import { Run } from './run.ts';
import { StandIn } from './stand-in.ts';
import type { Moment } from './system-events.ts';
import { rootOf, type StoredEffect, type SystemState } from './system-state.ts';
import type { MachineSnapshot } from './xstate-internals.ts';

export interface Step {
  readonly state: SystemState;
  /** `error`: an actor failed and nobody handled it. An exception of the machine itself is a MachineFault instead. */
  readonly status: 'active' | 'done' | 'error';
  readonly output?: unknown;
  readonly error?: unknown;
  readonly value: StateValue;
  readonly context: unknown;
  readonly tags: ReadonlySet<string>;
  /** Effects to start, after the commit. */
  readonly starts: readonly StoredEffect[];
  /** Refs of effects to abort. */
  readonly stops: readonly string[];
  /** Events for running effects, after the starts. */
  readonly relays: readonly { readonly ref: string; readonly event: AnyEventObject }[];
  /** Custom actions and `log`, in order, to be run after the commit. Each may throw. */
  readonly deferred: readonly Deferred[];
  readonly emitted: readonly AnyEventObject[];
  /** False: it made no difference to the state, because nobody was there to hear it or nobody cared. */
  readonly changed: boolean;
}

const NOTHING: SystemState = { records: new Map(), timers: [], effects: [], sequence: 0, startedAt: null };

/** The first step. */
export function init(prepared: Prepared, { id, input, now }: Moment & { readonly input: unknown }): Step {
  const run = new Run(prepared, prepared.standard ? NOTHING : { ...NOTHING, startedAt: now }, { id, now });
  const { root } = prepared.catalogue;
  const record = {
    self: new StandIn(root.logic.id, ''),
    entry: root,
    sync: false,
    systemId: undefined,
    snapshot: STARTING,
  };
  run.birth(record, run.clean(input, 'input'));
  return stepOf(run);
}

/** An event from outside, for the root or, with `to`, for one actor of the system. */
export function deliver(
  prepared: Prepared,
  state: SystemState,
  moment: Moment & { readonly event: AnyEventObject; readonly to?: string },
): Step {
  const { event, to = '' } = moment;
  return stepped(prepared, state, moment, (run) => run.send(to, event));
}

/** A timer came due: it is gone, and its event is delivered. */
export function fireTimer(prepared: Prepared, state: SystemState, moment: Moment & { readonly timer: string }): Step {
  return stepped(prepared, state, moment, (run) => run.fire(moment.timer));
}

/** An effect came to its end; nothing happens when its incarnation is gone. */
export function finishEffect(
  prepared: Prepared,
  state: SystemState,
  moment: Moment & { readonly ref: string; readonly result: EffectResult },
): Step {
  return stepped(prepared, state, moment, (run) => finish(run, moment.ref, moment.result));
}

function stepped(prepared: Prepared, state: SystemState, moment: Moment, happen: (run: Run) => void): Step {
  const run = new Run(prepared, state, moment);
  try {
    happen(run);
  } catch (error) {
    throw error instanceof MachineFault ? error : new MachineFault(prepared.name, error);
  }
  return stepOf(run, state);
}

function stepOf(run: Run, before?: SystemState): Step {
  const { records, startedAt, relays, deferred, emitted, changed } = run;
  const { timers, effects, sequence, starts, stops } = run.agenda;
  const state = changed || !before ? { records, timers, effects, sequence, startedAt } : before;
  const snapshot = rootOf(state).snapshot as MachineSnapshot;
  const { status, output, error, value, context, tags } = snapshot;
  return {
    state,
    status: status as Step['status'],
    output,
    error,
    value,
    context,
    tags,
    starts,
    stops,
    relays,
    deferred,
    emitted,
    changed,
  };
}
