/** Misses in a row without anything new to see, after which the actor counts as lost. */
const MAX_BLIND = 5;
/** Misses in a row because of mail, after which the turn is written without what came last. */
const MAX_RACES = 3;

/** Writes of one actor that missed, in a row: its row was not as they had left it. */
export class Misses {
  #blind = 0;
  #races = 0;

  /** A write was taken. */
  over(): void {
    this.#blind = 0;
    this.#races = 0;
  }

  /** `blind`: nothing was there to see that had made it miss. False: too often, so there is no sense in another one. */
  another(blind: boolean): boolean {
    if (blind) this.#blind += 1;
    else this.#races += 1;
    return this.#blind <= MAX_BLIND;
  }

  /** Mail comes faster than turns are written. */
  get crowded(): boolean {
    return this.#races >= MAX_RACES;
  }
}
