/**
 * The events nobody sends: how another actor ended or stands, in XState's own words, and what a standard machine is told of the
 * moment with each event. They are made anew each time and hold data only, so that they can be stored.
 */

import type { AnyEventObject } from 'xstate';
import type { Snapshot } from './xstate-internals.ts';

export interface Moment {
  readonly id: string;
  readonly now: number;
  /** What a standard machine of ours is told with every event but the first; see DefinitionInternals. */
  readonly plan?: unknown;
}

export function stamped(event: AnyEventObject, { now: at, plan }: Moment): AnyEventObject {
  const stampedEvent: AnyEventObject = { at, ...event };
  stampedEvent['at'] = at;
  if (plan !== undefined) stampedEvent['plan'] = plan;
  return stampedEvent;
}

/** Without an output there is nothing to be cleaned away. */
export function doneEvent(actorId: string, output: unknown): AnyEventObject {
  const type = `xstate.done.actor.${actorId}`;
  return output === undefined ? { type, actorId } : { type, output, actorId };
}

export function errorEvent(actorId: string, error: unknown): AnyEventObject {
  return { type: `xstate.error.actor.${actorId}`, error, actorId };
}

/** A snapshot as it is told to an owner: its data, without the machine behind it. */
export function snapshotEvent(actorId: string, snapshot: Snapshot): AnyEventObject {
  const { status, output, error, context } = snapshot;
  const data = { status, output, error, context, ...('value' in snapshot && { value: snapshot.value }) };
  return { type: `xstate.snapshot.${actorId}`, snapshot: data };
}
