import { livedByLoaded } from '../reading/lived-by.ts';
import type { LivedBy, Past } from '../replay/past.ts';
import { replayPast } from '../replay.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import type { StoredActor } from '../store/contract.ts';
import { type Happening, happeningOf, type Outcome } from '../turn/happening.ts';
import { ancestorsOf, introduced, subjectOf } from './family.ts';
import { happened, introduction, type StatelyInspectionEvent } from './stately-events.ts';

/** All that happened to one actor, as an inspector would have heard of it: its ancestors first, as they are now. */
export async function pastEvents(
  runtime: Runtime,
  stored: StoredActor,
  past: Past,
): Promise<readonly StatelyInspectionEvent[]> {
  const ancestors = await ancestorsOf(runtime, stored.parent);
  const rootId = ancestors[0]?.id ?? stored.id;
  const subject = subjectOf(runtime, stored, rootId);
  const happenings = happeningsOf(past, livedByLoaded(runtime, stored.name));
  const { redact } = runtime.options;
  const [first] = happenings;
  return [
    ...ancestors.flatMap((ancestor) => introduced(runtime, ancestor, rootId)),
    ...(first ? introduction(subject, first, redact) : introduced(runtime, stored, rootId)),
    ...happenings.flatMap((each) => happened(subject, each, redact)),
  ];
}

/** Contexts come from taking its past again; from where that differs, or without the code for it, only states are known. */
function happeningsOf(past: Past, livedBy: LivedBy): readonly Happening[] {
  const replayed = new Map<number, Outcome>();
  const { firstDifference } = replayPast(past, livedBy, undefined, (seq, now) => replayed.set(seq, now));
  if (firstDifference) replayed.delete(firstDifference.seq);
  return past.entries.map(({ seq, at, event, state, via }) => {
    const known = { context: undefined, status: 'active' as const, ...replayed.get(seq), value: state };
    return happeningOf(seq, at.getTime(), event, via?.[0] === 'stopped' ? { ...known, status: 'stopped' } : known, via);
  });
}
