import type { AnyEventObject } from 'xstate';
import { decode, encode } from './codec.ts';
import { InvalidInputError } from './errors.ts';
import type { Instant } from './store/contract.ts';

/** What an operator or the API asks of any actor, whatever its machine knows. */
export type Control =
  | { readonly type: 'cancel'; readonly reason?: string }
  | { readonly type: 'runNow' }
  | { readonly type: 'reschedule'; readonly to: Instant };

/** One letter in the mailbox: an event for the machine, or a request to the engine. Only the codec's text is stored. */
export type Letter =
  | { readonly kind: 'event'; readonly event: AnyEventObject }
  | { readonly kind: 'control'; readonly control: Control };

export function encodeLetter(letter: Letter, maxBytes: number): string {
  return letter.kind === 'event'
    ? encode({ e: letter.event }, { path: 'event', maxBytes })
    : encode({ c: letter.control }, { path: 'control', maxBytes });
}

export function decodeLetter(text: string): Letter {
  const stored = decode(text) as { e?: AnyEventObject; c?: Control };
  if (stored.c) return { kind: 'control', control: stored.c };
  return { kind: 'event', event: stored.e as AnyEventObject };
}

/** Events whose delivery only the engine may claim: results of effects, timers, starts and interruptions. */
const ENGINE_EVENT = /^(xstate\.(?!route\b)|attempt\.)/;

/** Refuses what `send()` may not deliver, before anything is stored. */
export function checkEvent(event: AnyEventObject): void {
  const type: unknown = (event as AnyEventObject | undefined)?.type;
  if (typeof type !== 'string')
    throw new InvalidInputError('event.type', 'is not a string. Send an object such as { type: "approve" }.');
  if (type === '' || type === '*')
    throw new InvalidInputError('event.type', `'${type}' is not an event a machine can tell apart.`);
  if (ENGINE_EVENT.test(type))
    throw new InvalidInputError('event.type', `'${type}' is reserved: only the engine delivers such events.`);
}
