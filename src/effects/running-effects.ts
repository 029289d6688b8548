import type { AbortReason, RunningEffect } from '../effects.ts';
import { appended, NONE, without } from '../sparse-list.ts';

/** What runs for one actor. A list, because it is one effect in nearly all of them. */
export class RunningEffects {
  #running: readonly RunningEffect[] = NONE;

  add(effect: RunningEffect): void {
    this.#running = appended(this.#running, effect);
  }

  get(ref: string): RunningEffect | undefined {
    for (const effect of this.#running) if (effect.ref === ref) return effect;
    return undefined;
  }

  /** It came to its end. */
  delete(ref: string): void {
    const ended = this.get(ref);
    if (ended) this.#running = without(this.#running, ended);
  }

  abort(ref: string, reason: AbortReason): void {
    const effect = this.get(ref);
    this.delete(ref);
    effect?.abort(reason);
  }

  abortAll(reason: AbortReason): void {
    for (const { ref } of this.#running) this.abort(ref, reason);
  }

  /** Whether any would be left if these were stopped. */
  outlast(stops: readonly string[]): boolean {
    for (const { ref } of this.#running) if (!stops.includes(ref)) return true;
    return false;
  }
}
