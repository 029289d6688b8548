import type { AnyEventObject } from 'xstate';
import type { CronSpec } from '../../machines/cron-context.ts';
import { decode, encode } from '../codec.ts';
import { InvalidInputError } from '../errors.ts';
import type { Instant, NewMail } from '../store/contract.ts';
import type { News } from './kinship.ts';

/** What an operator or the API asks of a cron, and nobody can write as an event. */
export type CronControl =
  | { readonly type: 'cron.pause' }
  | { readonly type: 'cron.resume' }
  | { readonly type: 'cron.update'; readonly spec: CronSpec };

/** What an operator or the API asks of any actor, whatever its machine knows. */
export type Control =
  | CronControl
  | { readonly type: 'cancel'; readonly reason?: string }
  | { readonly type: 'runNow' }
  | { readonly type: 'reschedule'; readonly to: Instant };

export function isForCron(control: Control): control is CronControl {
  return control.type.startsWith('cron.');
}

/** One letter in the mailbox: an event for the machine, a request to the engine, news of a child. Only the codec's text is stored. */
export type Letter =
  | { readonly kind: 'event'; readonly event: AnyEventObject }
  | { readonly kind: 'control'; readonly control: Control }
  | { readonly kind: 'news'; readonly news: News };

const EVENT = 'e';
const CONTROL = 'c';
const NEWS = 'n';

/** One character for the kind, then the payload: so that an error names a path in what the caller gave. */
export function encodeLetter(letter: Letter, maxBytes: number): string {
  if (letter.kind === 'event') return EVENT + encode(letter.event, { path: 'event', maxBytes });
  if (letter.kind === 'control') return CONTROL + encode(letter.control, { path: 'control', maxBytes });
  return NEWS + encode(letter.news, { path: 'news', maxBytes });
}

/** From the engine itself, whose letters have no limit but what their parts had. */
export function letterTo(actor: string, letter: Letter): NewMail {
  return { actor, event: encodeLetter(letter, Number.POSITIVE_INFINITY), dedupId: null };
}

export function decodeLetter(text: string): Letter {
  const payload = decode(text.slice(1));
  if (text[0] === CONTROL) return { kind: 'control', control: payload as Control };
  if (text[0] === EVENT) return { kind: 'event', event: payload as AnyEventObject };
  if (text[0] === NEWS) return { kind: 'news', news: payload as News };
  throw new Error(`Unknown kind of letter '${text[0] ?? ''}': it was written by a newer version.`);
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
