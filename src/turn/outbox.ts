/** What a turn says to other actors: those it makes, and the letters it writes. Part of its write, or never happened. */
import type { AnyEventObject } from 'xstate';
import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import type { StoredEffect } from '../interpreter/index.ts';
import { appended, NONE } from '../sparse-list.ts';
import type { Instant, NewActor, NewMail } from '../store/contract.ts';
import { childId, newborn } from './birth.ts';
import { letterTo } from './mail.ts';

/** Who speaks. */
export interface Speaker {
  readonly id: string;
  readonly definition: LoadedDefinition;
  readonly input: unknown;
  readonly retried: number;
}

export class Outbox {
  births: readonly NewActor[] = NONE;
  letters: readonly NewMail[] = NONE;

  /** Has another actor do this effect. Throws what that one refuses: the failure of what was invoked. */
  delegate({ id, definition, retried }: Speaker, { ref, src, input }: StoredEffect, now: Instant): void {
    const found = definition.delegates.get(src);
    if (!found) throw new Error(`Nobody does '${src}'.`);
    const request = found.delegate.request(input, found.definition, definition.maxPayload, now);
    const kin = { id: childId(id, ref, retried), parent: id, role: { effect: ref } };
    this.births = appended(this.births, newborn(found.definition, kin, request));
  }

  /** Nobody waits for it any more. */
  recall({ id, retried }: Speaker, ref: string): void {
    this.#end(childId(id, ref, retried), 'state_left');
  }

  /** Carries out a command of a standard machine. */
  act({ id, definition, input, retried }: Speaker, command: AnyEventObject, context: unknown): void {
    const deed = definition.act?.(command, { id, input, context, definition, retried });
    if (!deed) return;
    if ('birth' in deed) this.births = appended(this.births, deed.birth);
    else if ('letter' in deed) this.letters = appended(this.letters, deed.letter);
    else this.#end(deed.recall, deed.reason);
  }

  /** One of this very turn is never born. */
  #end(child: string, reason: string): void {
    const left = this.births.filter((birth) => birth.id !== child);
    if (left.length === this.births.length)
      this.letters = appended(this.letters, letterTo(child, { kind: 'control', control: { type: 'cancel', reason } }));
    this.births = left;
  }
}
