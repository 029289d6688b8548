/** Makes held actors of what a claim brought. A row that cannot be read is set aside, and costs its neighbours nothing. */
import { type LoadedDefinition, newestOf } from '../definitions/loaded-definition.ts';
import type { Claimed } from '../store/contract.ts';
import { unchanged } from '../turn/turn-write.ts';
import type { CommitQueue } from './commit-queue.ts';
import { Held } from './held.ts';
import { type Holding, holdingOf, inheritedHolding, rowOf } from './holding.ts';
import type { Keeper } from './keeper.ts';
import type { Roster } from './roster.ts';

interface IntakeParts {
  readonly definitions: ReadonlyMap<number, LoadedDefinition>;
  readonly keeper: Keeper;
  readonly roster: Roster;
  readonly commits: CommitQueue;
  quarantined(actor: { readonly id: string; readonly name: string; readonly queue: number }, reason: string): void;
}

export class Intake {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  open(claimed: Claimed, worker: string, lease: number): void {
    try {
      this.hold(this.#holding(claimed, worker, lease));
    } catch (error) {
      this.#setAside(claimed, worker, error as Error);
    }
  }

  hold(holding: Holding): void {
    const held = new Held(this.#parts.keeper, holding);
    this.#parts.roster.add(held);
    held.open();
  }

  #holding(claimed: Claimed, worker: string, lease: number): Holding {
    const { definitions } = this.#parts;
    const { def, name, version } = claimed;
    const own = definitions.get(def);
    if (own) return holdingOf(claimed, own, worker, lease);
    const heir = newestOf(definitions, name);
    if (!heir || heir.version < version) throw new Error(`No code for ${name} version ${version} here.`);
    return inheritedHolding(claimed, heir, worker, lease);
  }

  #setAside(claimed: Claimed, worker: string, { message }: Error): void {
    this.#parts.commits.add(worker, unchanged(rowOf(claimed), claimed, message), {
      written: (_, outcome) => {
        if (outcome === 'committed') this.#parts.quarantined(claimed, message);
      },
    });
  }
}
