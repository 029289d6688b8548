/**
 * What one actor's step comes to: along a known path if there is one, and as XState works it out otherwise. Nothing is done about it
 * yet.
 */

import type { AnyEventObject } from 'xstate';
import { canonicalSnapshot } from './canonical.ts';
import type { Entry, MachineEntry } from './catalogue.ts';
import type { Path } from './path.ts';
import type { Run } from './run.ts';
import { Scope } from './scope.ts';
import { childAddress, onStage } from './stand-in.ts';
import type { ActorRecord } from './system-state.ts';
import { Walk } from './walk.ts';
import type { MachineSnapshot, Snapshot } from './xstate-internals.ts';

export interface Outcome {
  /** In its canonical form; the one before itself where nothing is different. */
  readonly next: Snapshot;
  /** What is to be done once it is in place, in order. */
  readonly deferred: readonly (() => void)[];
}

/** The first step. */
export function beginningOf(run: Run, record: ActorRecord, input: unknown): Outcome {
  const { entry, self } = record;
  if (entry.kind === 'machine' && run.prepared.byPaths) {
    const event: AnyEventObject = { type: 'xstate.init', input };
    if (self.address === '' && run.prepared.standard) event['at'] = run.now;
    const known = walked(run, record, event, begun);
    if (known) return known;
  }
  return asked(run, record, (scope) => first(entry, scope, input));
}

export function outcomeOf(run: Run, record: ActorRecord, event: AnyEventObject): Outcome {
  const { entry, snapshot } = record;
  if (entry.kind === 'machine' && run.prepared.byPaths) {
    const known = walked(run, record, event, gone);
    if (known) return known;
  }
  return asked(run, record, (scope) => entry.logic.transition(snapshot, event, scope));
}

function asked(run: Run, record: ActorRecord, work: (scope: Scope) => Snapshot): Outcome {
  const { entry, self, snapshot } = record;
  const scope = new Scope(run, self);
  const raw = asOwner(run, self.address, work, scope);
  const next = raw === snapshot ? snapshot : canonicalSnapshot(run, entry, raw, snapshot);
  return { next, deferred: scope.deferred };
}

/** Null: there is no path, or it is different there from what was known. Then XState is asked, as if nothing had been tried. */
function walked(
  run: Run,
  { entry, self, snapshot }: ActorRecord,
  event: AnyEventObject,
  work: (walk: Walk) => Outcome | null,
): Outcome | null {
  const { agenda, births } = run;
  const { sequence, changed } = agenda;
  try {
    return asOwner(
      run,
      self.address,
      work,
      new Walk(run, entry as MachineEntry, self, snapshot as MachineSnapshot, event),
    );
  } catch {
    for (; agenda.sequence > sequence; agenda.sequence -= 1)
      births.abandon(childAddress(self.address, agenda.sequence));
    agenda.changed = changed;
    return null;
  }
}

function begun(walk: Walk): Outcome | null {
  walk.begin();
  return along(walk, walk.entry.paths.beginning);
}

function gone(walk: Walk): Outcome | null {
  return along(walk, walk.entry.paths.from(walk.before, walk.event));
}

function along(walk: Walk, path: Path | null): Outcome | null {
  return path && { next: walk.along(path), deferred: walk.deferred };
}

/** Children that are made meanwhile are this actor's. */
function asOwner<T, S>(run: Run, address: string, work: (subject: S) => T, subject: S): T {
  const { births } = run;
  const before = births.owner;
  births.owner = address;
  try {
    return onStage(run, work, subject);
  } finally {
    births.owner = before;
  }
}

/** A machine catches what its own first step throws; nothing else can give it this status so early. */
function first({ kind, logic }: Entry, scope: Scope, input: unknown): Snapshot {
  const snapshot = logic.getInitialSnapshot(scope, input);
  if (kind === 'machine' && snapshot.status === 'error') throw snapshot.error;
  return snapshot;
}
