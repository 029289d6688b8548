/** Walks every path through a machine that makes attempts: each edge once, on a live actor as well as purely. */
import { expect } from 'vitest';
import { type AnyEventObject, type AnyMachineSnapshot, type AnyStateMachine, createActor, fromPromise } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import type { Attempts } from '../../../machines/attempts.ts';

export interface Walk {
  /** One machine and input for each policy. */
  readonly variants: readonly { readonly machine: AnyStateMachine; readonly input: object }[];
  /** Every event it can meet, wherever it is: those that make no sense in a state have to change nothing. */
  readonly events: readonly AnyEventObject[];
  /** Id of what its attempts invoke, and the state that does. */
  readonly effect: string;
  readonly running: string;
  /** Attempts that some budget accounts for: those nobody is charged for may go on for ever. */
  readonly countedAttempts: (context: Attempts) => number;
  /** What has to hold at the end of every path. */
  check(snapshot: AnyMachineSnapshot): void;
}

/** Throws unless every path keeps what `check` asks, and all of them together visit every state and take every transition. */
export function walkEveryPath(walk: Walk): void {
  const taken = new Set<string>();
  const visited = new Set<string>();
  const expected = new Set<string>();
  const states = new Set<string>();
  for (const { machine, input } of walk.variants) {
    for (const { steps, state } of pathsOf(machine, input, walk)) {
      const path = steps.slice(1).map(({ event }) => event as AnyEventObject);
      const live = take(machine, input, walk, path);
      expect(look(live.snapshot)).toBe(look(state));
      walk.check(live.snapshot);
      visited.add(live.snapshot.value as string);
      for (const transition of live.taken) taken.add(transition);
    }
    for (const name of Object.keys(machine.states)) states.add(name);
    for (const transition of transitionsOf(machine)) expected.add(transition);
  }
  expect([...visited].sort()).toEqual([...states].sort());
  expect([...taken].sort()).toEqual([...expected].sort());
}

function look({ value, context }: AnyMachineSnapshot): string {
  return JSON.stringify([value, context]);
}

function transitionsOf(machine: AnyStateMachine): string[] {
  return [machine.root, ...Object.values(machine.states)].flatMap((node) =>
    [...node.transitions].flatMap(([type, choices]) => choices.map((_, choice) => `${node.id} ${type} #${choice}`)),
  );
}

/** A path for every edge: two ways into one state differ by where they come from and what took them there. */
function pathsOf(machine: AnyStateMachine, input: object, { events, effect, running, countedAttempts }: Walk) {
  return getShortestPaths(machine, {
    input,
    events: events as never,
    serializeState: (snapshot, event, before) =>
      `${before ? look(before) : ''} ${JSON.stringify(event)} ${look(snapshot)}`,
    filterEvents: ({ status, value, context }: AnyMachineSnapshot, event: AnyEventObject) =>
      status === 'active' &&
      // A stale failure never reaches the machine: XState would end it with an error.
      (event.type !== `xstate.error.actor.${effect}` || value === running) &&
      (context as Attempts).attempt <= countedAttempts(context as Attempts),
  });
}

/** Runs a path on a live actor. Gives the transitions taken, as 'state event #choice'. */
function take(
  machine: AnyStateMachine,
  input: object,
  { effect }: Walk,
  path: readonly AnyEventObject[],
): { taken: string[]; snapshot: AnyMachineSnapshot } {
  const taken: string[] = [];
  const never = fromPromise(() => new Promise(() => {}));
  const stopped = { setTimeout: () => 0, clearTimeout: () => {} };
  const actor = createActor(machine.provide({ actors: { [effect]: never } }), {
    input,
    clock: stopped,
    inspect: (inspected) => {
      if (inspected.type !== '@xstate.microstep') return;
      for (const transition of inspected._transitions) {
        const choices = transition.source.transitions.get(transition.eventType);
        if (choices) taken.push(`${transition.source.id} ${transition.eventType} #${choices.indexOf(transition)}`);
      }
    },
  }).start();
  for (const event of path) actor.send(event);
  const snapshot = actor.getSnapshot() as AnyMachineSnapshot;
  actor.stop();
  return { taken, snapshot };
}
