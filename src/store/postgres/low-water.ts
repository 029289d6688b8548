/**
 * Where claims begin to look. What was claimed leaves its entry in the index until a vacuum comes by, and while any session
 * holds an old snapshot none can. A look from the start of a queue steps over all of them, every time: after a hundred
 * thousand claims that takes longer than the claim. So the next look begins where the one before ended.
 *
 * A hint, like every wake-up: rows before the mark come from transactions that took long, from workers that died, from whoever
 * was let in. They are announced, or found by the look from the start that is due every second.
 */
import type { Env } from '../../env.ts';
import type { ClaimRequest, Instant, Orphan } from '../contract.ts';
import { ids, numbers } from './columns.ts';

/** Before that many claims the dead entries cost nothing worth a mark. */
const WORTHWHILE = 2_000;
/** Rows are written with the time their statement began, and seen when it has committed. */
const MARGIN_MS = 1_000;
const FROM_START_EVERY_MS = 1_000;
/** Looking from the start may take that part of the time. */
const SHARE = 20;
/** Priorities, and the lane of suspects, which has no mark. */
const LEVELS = 11;

interface Mark {
  readonly at: Instant;
  /** Null: from that instant on. */
  readonly actor: string | null;
}

/** The marks of these queues, level by level, as two columns for {@link markIn}. */
export type Marks = readonly [ats: string, actors: string];

const FROM_START: Marks = ['{}', '{}'];

/** The mark of one level of one lane, to compare `(due_at, actor)` with: before everything where there is none. */
export function markIn(ats: string, actors: string): string {
  const place = `(lane.position - 1) * ${LEVELS} + level.priority + 1`;
  return `coalesce(to_timestamp((${ats}::float8[])[${place}] / 1000.0), '-infinity'),
          coalesce((${actors}::uuid[])[${place}], '00000000-0000-0000-0000-000000000000')`;
}

/** What a claim says of how far it came. */
export interface Reach {
  readonly now: Instant;
  /** The row it stopped at, because there was no room for more. Null: it saw all there was. */
  readonly end: {
    readonly queue: number;
    readonly priority: number;
    readonly at: Instant;
    readonly actor: string;
  } | null;
  /** Queues in which it left nothing behind that it saw. */
  readonly emptied: readonly number[];
}

export class LowWater {
  readonly #env: Env;
  readonly #marks = new Map<number, Map<number, Mark>>();
  /** Whose marks they are: rows that one asker has no code for are not behind another's. */
  #asker: string | null = null;
  #taken = 0;
  #startedAtMs = Number.NEGATIVE_INFINITY;
  #everyMs = FROM_START_EVERY_MS;
  /** The last look that found all it wanted began at a mark. */
  #unsure = false;

  constructor(env: Env) {
    this.#env = env;
  }

  /** For a claim: from the start where that is due. */
  marksFor({ queues, defs, inherits }: Pick<ClaimRequest, 'queues' | 'defs' | 'inherits'>): Marks {
    const asker = nameOf(defs, inherits);
    if (asker !== this.#asker) this.forget();
    this.#asker = asker;
    if (this.#taken < WORTHWHILE || this.#env.monotonicMs() - this.#startedAtMs >= this.#everyMs) return FROM_START;
    return this.#columns(queues);
  }

  /** For the question what is due next. After a claim from the start it sees what that passed over because it was locked. */
  marksOf(queues: readonly number[], defs: readonly number[]): Marks {
    return this.#unsure && this.#asker?.startsWith(nameOf(defs)) ? this.#columns(queues) : FROM_START;
  }

  /** A claim looked on these levels. */
  reached(from: Marks, levels: readonly number[], tookMs: number, taken: number, { now, end, emptied }: Reach): void {
    this.#taken += taken;
    if (from === FROM_START) {
      this.#startedAtMs = this.#env.monotonicMs();
      this.#everyMs = Math.max(FROM_START_EVERY_MS, SHARE * tookMs);
    }
    if (end) this.#mark(end.queue, end.priority, { at: end.at, actor: end.actor });
    else {
      this.#unsure = from !== FROM_START;
      const mark = { at: now - MARGIN_MS, actor: null };
      for (const queue of emptied) for (const level of levels) this.#mark(queue, level, mark);
    }
  }

  /** When to look from the start, although nothing more was seen. Null: that has been done. */
  againAt(now: Instant): Instant | null {
    if (!this.#unsure) return null;
    return now + Math.max(0, Math.ceil(this.#startedAtMs + this.#everyMs - this.#env.monotonicMs()));
  }

  /** What became due there, or anywhere, may have been due for long. */
  forget(queue?: number): void {
    if (queue === undefined) this.#marks.clear();
    else this.#marks.delete(queue);
  }

  #mark(queue: number, level: number, mark: Mark): void {
    const marks = this.#marks.get(queue) ?? new Map<number, Mark>();
    this.#marks.set(queue, marks.set(level, mark));
  }

  #columns(queues: readonly number[]): Marks {
    const marks: (Mark | null)[] = [];
    for (const queue of queues) {
      const ofQueue = this.#marks.get(queue);
      for (let level = 0; level < LEVELS; level += 1) marks.push(ofQueue?.get(level) ?? null);
    }
    return [numbers(marks.map((mark) => mark && mark.at)), ids(marks.map((mark) => mark && mark.actor))];
  }
}

function nameOf(defs: readonly number[], inherits: readonly Orphan[] = []): string {
  return `${defs.join()};${inherits.map(({ queue, def }) => `${queue}/${def}`).join()}`;
}
