import type { AnyEventObject } from 'xstate';

export type EffectResult =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly error: unknown };

/** How a machine hears of the end of what it invoked under that name. */
export function eventOfResult(name: string, result: EffectResult): AnyEventObject {
  return result.ok
    ? { type: `xstate.done.actor.${name}`, output: result.output }
    : { type: `xstate.error.actor.${name}`, error: result.error };
}

/** What was invoked is not started again: too many of its workers died. */
export function interruptedTooOften(attempts: number): Error {
  const error = new Error(`Interrupted ${attempts} times: its worker died.`);
  return Object.assign(error, { code: 'INTERRUPTED' });
}
