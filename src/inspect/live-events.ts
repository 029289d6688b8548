/**
 * Tells an inspector of every turn this process commits. It is a guest: what it throws, or how long its questions to the store
 * take, costs no turn anything.
 */

import type { Runtime } from '../scheduler/runtime.ts';
import type { StoredActor } from '../store/contract.ts';
import type { Happening } from '../turn/happening.ts';
import type { Held } from '../worker/held.ts';
import { ancestorsOf, introduced, subjectOf } from './family.ts';
import { happened, introduction, type StatelyInspectionEvent, type Subject } from './stately-events.ts';

/** Actors whose introduction is remembered; one that was forgotten is introduced again. */
const MAX_KNOWN = 10_000;
/** Turns that may wait for what the store says of a parent. */
const MAX_WAITING = 10_000;

export class LiveEvents {
  readonly #runtime: Runtime;
  readonly #tell: (event: StatelyInspectionEvent) => unknown;
  /** By id, those heard of last at the end. */
  readonly #known = new Map<string, Subject>();
  readonly #waiting: (() => void | Promise<void>)[] = [];
  #draining = false;
  #behind = false;

  constructor(runtime: Runtime, tell: (event: StatelyInspectionEvent) => unknown) {
    this.#runtime = runtime;
    this.#tell = tell;
  }

  committed({ holding: { life } }: Held, happenings: readonly Happening[]): void {
    const [first] = happenings;
    if (!first || this.#isBehind()) return;
    const { id, kin, definition } = life;
    const actor = { id, name: definition.name, version: definition.version, parent: kin?.parent ?? null };
    this.#waiting.push(() => {
      const known = this.#known.get(id);
      if (known) return this.#tellOf(known, happenings);
      return this.#meet(actor, first, happenings);
    });
    void this.#drain();
  }

  /** The store does not answer: what would be told later than anybody cares is left out, and that is said once. */
  #isBehind(): boolean {
    const behind = this.#waiting.length >= MAX_WAITING;
    if (behind && !this.#behind)
      this.#runtime.failed(new Error(`Inspection is ${MAX_WAITING} turns behind: what comes now is not told.`));
    this.#behind = behind;
    return behind;
  }

  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      try {
        const told = next();
        if (told) await told;
      } catch (error) {
        this.#runtime.failed(error);
      }
    }
    this.#draining = false;
  }

  /** Its parents first: those not met here yet are asked for. */
  #meet(
    actor: Pick<StoredActor, 'id' | 'name' | 'version' | 'parent'>,
    first: Happening,
    happenings: readonly Happening[],
  ): void | Promise<void> {
    const parent = actor.parent === null ? undefined : this.#known.get(actor.parent);
    if (actor.parent !== null && !parent)
      return this.#meetFamily(actor.parent).then((rootId) => this.#greet(actor, rootId ?? actor.id, first, happenings));
    return this.#greet(actor, parent?.rootId ?? actor.id, first, happenings);
  }

  #greet(
    actor: Pick<StoredActor, 'id' | 'name' | 'version' | 'parent'>,
    rootId: string,
    first: Happening,
    happenings: readonly Happening[],
  ): void {
    const subject = subjectOf(this.#runtime, actor, rootId);
    this.#remember(subject);
    for (const event of introduction(subject, first, this.#runtime.options.redact)) this.#say(event);
    this.#tellOf(subject, happenings);
  }

  async #meetFamily(parent: string): Promise<string | null> {
    const ancestors = await ancestorsOf(this.#runtime, parent);
    const rootId = ancestors[0]?.id ?? null;
    if (rootId === null) return null;
    for (const ancestor of ancestors) {
      if (this.#known.has(ancestor.id)) continue;
      this.#remember(subjectOf(this.#runtime, ancestor, rootId));
      for (const event of introduced(this.#runtime, ancestor, rootId)) this.#say(event);
    }
    return rootId;
  }

  #tellOf(subject: Subject, happenings: readonly Happening[]): void {
    for (const each of happenings)
      for (const event of happened(subject, each, this.#runtime.options.redact)) this.#say(event);
  }

  #remember(subject: Subject): void {
    this.#known.delete(subject.id);
    this.#known.set(subject.id, subject);
    if (this.#known.size <= MAX_KNOWN) return;
    const [eldest] = this.#known.keys();
    if (eldest !== undefined) this.#known.delete(eldest);
  }

  #say(event: StatelyInspectionEvent): void {
    try {
      const told = this.#tell(event);
      if (told instanceof Promise) told.catch((error: unknown) => this.#runtime.failed(error));
    } catch (error) {
      this.#runtime.failed(error);
    }
  }
}
