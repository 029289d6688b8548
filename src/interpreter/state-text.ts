/**
 * A system as the one text it is stored in, and back. The text holds nothing that the definition or another part of the text
 * already says.
 */

import type { AnyEventObject, StateValue } from 'xstate';
import { decode, encode } from '../codec.ts';
import { effectRecord } from './births.ts';
import { historyFromIds, historyToIds, NO_CHILDREN, restored, snapshotOf } from './canonical.ts';
import type { Entry } from './catalogue.ts';
import type { Prepared } from './prepare.ts';
import { birthOf, ownerOf, referencesOf, StandIn } from './stand-in.ts';
import { type ActorRecord, rootOf, type StoredEffect, type StoredTimer, type SystemState } from './system-state.ts';
import type { Context, MachineSnapshot, Snapshot } from './xstate-internals.ts';

interface TimerText {
  readonly i: string;
  readonly d: number;
  readonly s: string;
  readonly a?: string;
  readonly b?: string;
  /** Left out when the event is its send id and nothing else, as for `after`. */
  readonly e?: AnyEventObject;
}

interface EffectText {
  readonly i: string;
  readonly r: string;
  readonly n: string;
  readonly s: string;
  readonly p?: unknown;
  readonly y?: string;
  readonly z?: 1;
  readonly b?: 1;
  readonly a?: number;
}

interface SnapshotText {
  readonly v?: StateValue;
  readonly c?: unknown;
  readonly h?: Record<string, string[]>;
  /** Settled: d(one) or e(rror). */
  readonly d?: { readonly o?: unknown } | { readonly x: unknown };
}

interface RecordText extends SnapshotText {
  readonly r: string;
  readonly i: string;
  readonly k: string;
  readonly y?: string;
  readonly z?: 1;
}

interface StateText extends SnapshotText {
  readonly n?: number;
  readonly b?: number;
  readonly t?: readonly TimerText[];
  readonly e?: readonly EffectText[];
  readonly r?: readonly RecordText[];
}

export function encodeState(state: SystemState): string {
  const { timers, effects, sequence, startedAt } = state;
  const records: RecordText[] = [];
  if (state.records.size > 1 + effects.length) {
    const running = new Set(effects.map((effect) => effect.ref));
    for (const [address, record] of state.records) {
      if (address !== '' && !running.has(address)) records.push(recordText(address, record));
    }
  }
  const text: StateText = {
    ...snapshotText(rootOf(state)),
    ...(sequence > 0 && { n: sequence }),
    ...(startedAt !== null && { b: startedAt }),
    ...(timers.length > 0 && { t: timers.map(timerText) }),
    ...(effects.length > 0 && { e: effects.map(effectText) }),
    ...(records.length > 0 && { r: records }),
  };
  return encode(
    text,
    { path: 'snapshot', maxBytes: Number.POSITIVE_INFINITY },
    referencesOf('', () => undefined),
  );
}

function snapshotText({ entry, snapshot }: ActorRecord): SnapshotText {
  const { status, output, error, context } = snapshot;
  if (entry.kind === 'machine' && 'value' in snapshot) {
    const { value, historyValue } = snapshot as MachineSnapshot;
    const h = historyToIds(historyValue);
    return {
      v: value,
      c: context,
      ...(h && { h }),
      ...(status === 'done' && { d: { o: output } }),
      ...(status === 'error' && { d: { x: error } }),
    };
  }
  if (status === 'error') return { d: { x: error } };
  if (status === 'done') return { d: { o: output } };
  return { c: entry.kind === 'transition' ? entry.logic.getPersistedSnapshot(snapshot) : context };
}

function recordText(address: string, record: ActorRecord): RecordText {
  const { self, entry, sync, systemId } = record;
  return {
    r: address,
    i: self.id,
    k: entry.key,
    ...(systemId !== undefined && { y: systemId }),
    ...(sync && { z: 1 }),
    ...snapshotText(record),
  };
}

function timerText({ id, dueAt, sendId, source, target, event }: StoredTimer): TimerText {
  const bare = event.type === sendId && Object.keys(event).length === 1;
  return {
    i: id,
    d: dueAt,
    s: sendId,
    ...(source !== '' && { a: source }),
    ...(target !== '' && { b: target }),
    ...(!bare && { e: event }),
  };
}

function effectText(effect: StoredEffect): EffectText {
  const { id, ref, name, src, input, systemId, sync, status, attempt } = effect;
  return {
    i: id,
    r: ref,
    n: name,
    s: src,
    ...(input !== undefined && { p: input }),
    ...(systemId !== undefined && { y: systemId }),
    ...(sync && { z: 1 }),
    ...(status === 'running' && { b: 1 }),
    ...(attempt !== 1 && { a: attempt }),
  };
}

/** Throws when the text does not fit the definition. */
export function decodeState(prepared: Prepared, text: string): SystemState {
  const standIns = new Map<string, StandIn>();
  const references = referencesOf('', (address) => standIns.get(address));
  const standIn = (id: string, address: string): StandIn => {
    let known = standIns.get(address);
    if (!known) standIns.set(address, (known = references.find(id, address) as StandIn));
    return known;
  };
  const stored = decode(text, { ...references, find: standIn }) as StateText;
  const effects = (stored.e ?? []).map(effectOf);
  const records = new Map<string, ActorRecord>();
  const root = standIn(prepared.machine.id, '');
  if (effects.length === 0 && !stored.r) {
    records.set('', recordOf(prepared.catalogue.root, root, stored, NO_CHILDREN));
  } else {
    const born: {
      readonly id: string;
      readonly address: string;
      readonly place: (children: Children) => ActorRecord;
    }[] = [
      { id: root.id, address: '', place: (children) => recordOf(prepared.catalogue.root, root, stored, children) },
    ];
    for (const effect of effects) {
      const self = standIn(effect.name, effect.ref);
      born.push({
        id: effect.name,
        address: effect.ref,
        place: () => effectRecord(self, entryOf(prepared, effect.src), effect),
      });
    }
    for (const record of stored.r ?? []) {
      const self = standIn(record.i, record.r);
      const entry = entryOf(prepared, record.k);
      const more = { systemId: record.y, sync: record.z === 1 };
      born.push({
        id: record.i,
        address: record.r,
        place: (children) => recordOf(entry, self, record, children, more),
      });
    }
    born.sort((a, b) => birthOf(a.address) - birthOf(b.address));
    const childrenOf = new Map<string, Record<string, StandIn>>();
    for (const { id, address } of born) {
      if (address === '') continue;
      const owner = ownerOf(address);
      const siblings = childrenOf.get(owner) ?? {};
      siblings[id] = standIn(id, address);
      childrenOf.set(owner, siblings);
    }
    for (const { address, place } of born) records.set(address, place(childrenOf.get(address) ?? NO_CHILDREN));
  }
  return {
    records,
    timers: (stored.t ?? []).map(timerOf),
    effects,
    sequence: stored.n ?? 0,
    startedAt: stored.b ?? null,
  };
}

type Children = Readonly<Record<string, StandIn>> | typeof NO_CHILDREN;

function entryOf(prepared: Prepared, key: string): Entry {
  const entry = prepared.catalogue.get(key);
  if (!entry) throw new Error(`this version of '${prepared.name}' has no actor logic '${key}'`);
  return entry;
}

function recordOf(
  entry: Entry,
  self: StandIn,
  stored: SnapshotText,
  children: Children,
  more: { readonly systemId?: string | undefined; readonly sync: boolean } = { sync: false },
): ActorRecord {
  return { self, entry, ...more, snapshot: snapshotFrom(entry, stored, children) };
}

function snapshotFrom(entry: Entry, stored: SnapshotText, children: Children): Snapshot {
  const { v: value, c, h, d: end } = stored;
  const status = end ? ('x' in end ? 'error' : 'done') : 'active';
  const settled = {
    status,
    output: end && 'o' in end ? end.o : undefined,
    error: end && 'x' in end ? end.x : undefined,
  } as const;
  if (entry.kind === 'machine' && value !== undefined) {
    const historyValue = historyFromIds(entry.logic, h);
    return snapshotOf(entry.templates, value, { ...settled, context: c as Context, children, historyValue });
  }
  if (end) return settled;
  return restored(entry.logic, c);
}

function timerOf({ i, d, s, a = '', b = '', e }: TimerText): StoredTimer {
  return { id: i, sendId: s, source: a, target: b, event: e ?? { type: s }, dueAt: d };
}

function effectOf({ i, r, n, s, p, y, z, b, a = 1 }: EffectText): StoredEffect {
  return {
    id: i,
    ref: r,
    owner: ownerOf(r),
    name: n,
    src: s,
    input: p,
    ...(y !== undefined && { systemId: y }),
    ...(z && { sync: true }),
    status: b ? 'running' : 'pending',
    attempt: a,
  };
}
