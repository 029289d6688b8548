/**
 * Looks at every state on its way into the store: what is read back has to be what was written. A context that JSON cannot
 * carry is found in the turn that made it, and not when a process dies a month later.
 */
import { decodeState, encodeState, type Prepared } from '../interpreter/index.ts';
import type { Store, TurnWrite } from '../store/contract.ts';

export class SnapshotCheck {
  readonly #prepared = new Map<number, Prepared>();
  readonly #problems: string[] = [];
  /** States that were looked at. */
  count = 0;

  /** The same store, seen through. `preparedOf`: by name and version. */
  watch(store: Store, preparedOf: (name: string, version: number) => Prepared | undefined): Store {
    const watched: Pick<Store, 'registerDefinitions' | 'commit'> = {
      registerDefinitions: async (entries) => {
        const ids = await store.registerDefinitions(entries);
        entries.forEach(({ name, version }, index) => {
          const prepared = preparedOf(name, version);
          if (prepared) this.#prepared.set(ids[index] as number, prepared);
        });
        return ids;
      },
      commit: (worker, writes, leases) => {
        for (const write of writes) this.#look(write);
        return store.commit(worker, writes, leases);
      },
    };
    return { ...store, ...watched };
  }

  /** What was found since the last time it was asked. */
  takeProblems(): readonly string[] {
    return this.#problems.splice(0);
  }

  #look({ id, def, next }: TurnWrite): void {
    const prepared = this.#prepared.get(def);
    const where = `${prepared?.name ?? 'an actor'} ${id} after event ${next.seq}`;
    if (next.kind === 'continued' && next.quarantine !== null)
      this.#problems.push(`${where} was set aside: ${next.quarantine}`);
    if (next.snapshot === null || !prepared) return;
    this.count += 1;
    try {
      const again = encodeState(decodeState(prepared, next.snapshot));
      if (again !== next.snapshot)
        this.#problems.push(
          `${where}: its state is not the same once read back.\n  stored ${next.snapshot}\n  read   ${again}`,
        );
    } catch (error) {
      this.#problems.push(`${where}: its state cannot be read back: ${(error as Error).message}`);
    }
  }
}
