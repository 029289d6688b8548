/** The mail of an actor that is held: what its worker knows of, and what its open turn could not take yet. */

import { appended, NONE } from '../sparse-list.ts';
import type { Instant, Mail } from '../store/contract.ts';
import { decodeLetter } from '../turn/mail.ts';
import type { Turn } from '../turn.ts';

export class Letters {
  readonly #brought: readonly Mail[];
  /** Null: those it came with. */
  #seen: Set<string> | null = null;
  /** Not yet begun, or too long already. They come first when there is more to do. */
  #postponed: readonly Mail[] = NONE;

  /** `brought`: the mail that came with the claim. */
  constructor(brought: readonly Mail[]) {
    this.#brought = brought;
  }

  /** Those of the mail in the store that it did not know of. From now on it does. */
  fresh(mail: readonly Mail[]): readonly Mail[] {
    const seen = (this.#seen ??= new Set(this.#brought.map(({ id }) => id)));
    const fresh = mail.filter(({ id }) => !seen.has(id));
    for (const { id } of fresh) seen.add(id);
    return fresh;
  }

  take(turn: Turn, mail: readonly Mail[], now: Instant): void {
    for (const letter of mail) {
      if (!turn.takeMail(letter.id, decodeLetter(letter.event), letter.at, now))
        this.#postponed = appended(this.#postponed, letter);
    }
  }

  takePostponed(turn: Turn, now: Instant): void {
    const postponed = this.#postponed;
    this.#postponed = NONE;
    this.take(turn, postponed, now);
  }
}
