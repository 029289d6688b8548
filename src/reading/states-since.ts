import { type JournalEntry, readJournal } from '../journal.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import type { Since } from '../scheduler/waiting.ts';
import { viewOf } from './views.ts';

/** States an actor entered from then on, as JSON text, the one it is shown in included. */
export async function statesSince(runtime: Runtime, id: string, since: Since): Promise<readonly string[]> {
  const { store } = runtime;
  const actor = await store.find(id);
  if (!actor) return [];
  const segments = actor.spilled ? await store.journal(id) : [];
  const counts = (entry: JournalEntry): boolean =>
    entry.state !== null && ('seq' in since ? entry.seq > since.seq : entry.at.getTime() >= since.at);
  const states = readJournal(actor, segments).filter(counts);
  const shown = viewOf(actor, runtime.loaded(actor.name, actor.version));
  return [...states, shown].map(({ state }) => JSON.stringify(state));
}
