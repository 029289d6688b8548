import type { Held } from './held.ts';

/** The actors that a worker holds, and which of them need no place any more because only their last write is on its way. */
export class Roster {
  readonly #held = new Map<string, Held>();
  readonly #finishing = new Set<Held>();

  get size(): number {
    return this.#held.size;
  }

  /** How many take a place. */
  get running(): number {
    return this.#held.size - this.#finishing.size;
  }

  get finishing(): number {
    return this.#finishing.size;
  }

  get ids(): readonly string[] {
    return [...this.#held.keys()];
  }

  get holdsSuspect(): boolean {
    for (const held of this.#held.values()) if (held.suspect) return true;
    return false;
  }

  values(): Iterable<Held> {
    return this.#held.values();
  }

  has(id: string): boolean {
    return this.#held.has(id);
  }

  /** Those of them that are held. */
  among(ids: readonly string[]): readonly Held[] {
    return ids.map((id) => this.#held.get(id)).filter((found) => found !== undefined);
  }

  add(held: Held): void {
    this.#held.set(held.id, held);
  }

  finish(held: Held): void {
    this.#finishing.add(held);
  }

  /** The same actor may be held anew already. */
  remove(held: Held): void {
    if (this.#held.get(held.id) === held) this.#held.delete(held.id);
    this.#finishing.delete(held);
  }

  handBack(): void {
    for (const held of this.#held.values()) held.handBack();
  }

  lose(): void {
    for (const held of this.#held.values()) held.lose();
  }
}
