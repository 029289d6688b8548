/**
 * A system as the one text it is stored in, and back. The text holds nothing that the definition or another part of the text
 * already says; what is not there is left out.
 */

import type { AnyEventObject, StateValue } from 'xstate';
import { decode, encode } from '../codec.ts';
import { rested, unrested } from './at-rest.ts';
import { effectRecord } from './births.ts';
import { historyFromIds, historyToIds, NO_CHILDREN, restored, snapshotOf } from './canonical.ts';
import type { Entry } from './catalogue.ts';
import { MachineFault } from './machine-fault.ts';
import type { Prepared } from './prepare.ts';
import { birthOf, ownerOf, referencesOf, StandIn } from './stand-in.ts';
import { type ActorRecord, rootOf, type StoredEffect, type StoredTimer, type SystemState } from './system-state.ts';
import type { ActorLike, Context, MachineSnapshot, Snapshot } from './xstate-internals.ts';

export interface TimerText {
  readonly i: string;
  readonly d: number;
  readonly s: string;
  readonly a: string | undefined;
  readonly b: string | undefined;
  /** Left out when the event is its send id and nothing else, as for `after`. */
  readonly e: AnyEventObject | undefined;
}

export interface EffectText {
  readonly i: string;
  readonly r: string;
  readonly n: string;
  readonly s: string;
  readonly p: unknown;
  readonly y: string | undefined;
  readonly z: 1 | undefined;
  /** Running, or done by another actor. */
  readonly b: 1 | 2 | undefined;
  readonly a: number | undefined;
}

export interface RecordText {
  readonly r: string | undefined;
  readonly i: string | undefined;
  readonly k: string | undefined;
  readonly y: string | undefined;
  readonly z: 1 | undefined;
  readonly v: StateValue | undefined;
  readonly c: unknown;
  readonly h: Record<string, string[]> | undefined;
  /** Settled, with o(utput) or x (error). */
  readonly f: 'd' | 'e' | undefined;
  readonly o: unknown;
  readonly x: unknown;
}

/** The root's record, and what belongs to the system as a whole. */
export interface StateText {
  readonly m: RecordText;
  readonly n: number | undefined;
  readonly b: number | undefined;
  readonly t: readonly TimerText[] | undefined;
  readonly e: readonly EffectText[] | undefined;
  readonly r: readonly RecordText[] | undefined;
}

const toText = { path: 'snapshot', maxBytes: Number.POSITIVE_INFINITY };
const byAddress = referencesOf('', (address, id) => new StandIn(id, address));

export function encodeState(state: SystemState): string {
  return encode(textOf(state, recordText(rootOf(state), true)), toText, byAddress);
}

/** The same where the output is kept elsewhere: read back, such a state has none. */
export function encodeWithoutOutput(state: SystemState): string {
  return encode(textOf(state, { ...recordText(rootOf(state), true), o: undefined }), toText, byAddress);
}

function textOf(state: SystemState, m: RecordText): StateText {
  const { timers, effects, sequence, startedAt } = state;
  return {
    m,
    n: sequence || undefined,
    b: startedAt ?? undefined,
    t: timers.length > 0 ? timers.map(timerText) : undefined,
    e: effects.length > 0 ? effects.map(effectText) : undefined,
    r: state.records.size > 1 + effects.length ? innerRecords(state) : undefined,
  };
}

function innerRecords({ records, effects }: SystemState): RecordText[] {
  const running = new Set(effects.map((effect) => effect.ref));
  return [...records.values()]
    .filter(({ self }) => self.address !== '' && !running.has(self.address))
    .map((record) => recordText(record, false));
}

function recordText({ self, entry, sync, systemId, snapshot }: ActorRecord, isRoot: boolean): RecordText {
  const { status, output, error } = snapshot;
  const { value, historyValue, context } = snapshot as MachineSnapshot;
  const transition = entry.kind === 'transition' && status === 'active';
  return {
    r: isRoot ? undefined : self.address,
    i: isRoot ? undefined : self.id,
    k: isRoot ? undefined : entry.key,
    y: systemId,
    z: sync ? 1 : undefined,
    v: value,
    c: transition ? entry.logic.getPersistedSnapshot(snapshot) : contextText(entry, context),
    h: historyValue && historyToIds(historyValue),
    f: status === 'done' ? 'd' : status === 'error' ? 'e' : undefined,
    o: output,
    x: error,
  };
}

function contextText(entry: Entry, context: Context | undefined): unknown {
  return entry.kind === 'machine' && entry.atRest && context ? unrested(context, entry.atRest) : context;
}

function timerText({ id, dueAt, sendId, source, target, event }: StoredTimer): TimerText {
  const bare = event.type === sendId && Object.keys(event).length === 1;
  return { i: id, d: dueAt, s: sendId, a: source || undefined, b: target || undefined, e: bare ? undefined : event };
}

function effectText({ id, ref, name, src, input, systemId, sync, status, attempt }: StoredEffect): EffectText {
  return {
    i: id,
    r: ref,
    n: name,
    s: src,
    p: input,
    y: systemId,
    z: sync ? 1 : undefined,
    b: status === 'running' ? 1 : status === 'delegated' ? 2 : undefined,
    a: attempt === 1 ? undefined : attempt,
  };
}

/** A stored text taken apart without its definition. References are good for writing it again only. */
export function readText(text: string): StateText {
  return decode(text, byAddress) as StateText;
}

/** Throws InvalidInputError, by path, for what cannot be stored. */
export function writeText(state: StateText): string {
  return encode(state, toText, byAddress);
}

/** Throws MachineFault when the text does not fit the definition. */
export function decodeState(prepared: Prepared, text: string): SystemState {
  try {
    return restoredState(prepared, text);
  } catch (error) {
    throw new MachineFault(`${prepared.name} version ${prepared.version}`, error);
  }
}

interface Relative {
  readonly self: StandIn;
  readonly effect?: StoredEffect;
  readonly record?: RecordText;
}

function restoredState(prepared: Prepared, text: string): SystemState {
  const standIns = new Map<string, StandIn>();
  const standIn = (address: string, id: string): StandIn => {
    const known = standIns.get(address) ?? new StandIn(id, address);
    standIns.set(address, known);
    return known;
  };
  const stored = decode(text, referencesOf('', standIn)) as StateText;
  const self = standIn('', prepared.machine.id);
  const effects = stored.e ? stored.e.map(effectOf) : [];
  const records = new Map<string, ActorRecord>();
  const relatives: Relative[] = [
    ...effects.map((effect) => ({ self: standIn(effect.ref, effect.name), effect })),
    ...(stored.r ?? []).map((record) => ({ self: standIn(record.r as string, record.i as string), record })),
  ];
  relatives.sort((a, b) => birthOf(a.self.address) - birthOf(b.self.address));
  const children = relatives.length > 0 ? childrenByOwner(relatives) : null;
  records.set('', recordOf(prepared.catalogue.root, self, stored.m, children?.get('') ?? NO_CHILDREN));
  for (const relative of relatives) {
    const { address } = relative.self;
    records.set(address, relativeRecord(prepared, relative, children?.get(address) ?? NO_CHILDREN));
  }
  const timers = stored.t ? stored.t.map(timerOf) : [];
  return { records, timers, effects, sequence: stored.n ?? 0, startedAt: stored.b ?? null };
}

type Children = Readonly<Record<string, ActorLike>>;

function childrenByOwner(relatives: readonly Relative[]): Map<string, Record<string, StandIn>> {
  const children = new Map<string, Record<string, StandIn>>();
  for (const { self } of relatives) {
    const owner = ownerOf(self.address);
    const siblings = children.get(owner) ?? {};
    siblings[self.id] = self;
    children.set(owner, siblings);
  }
  return children;
}

function relativeRecord(prepared: Prepared, { self, effect, record }: Relative, children: Children): ActorRecord {
  const key = effect ? effect.src : ((record as RecordText).k ?? '');
  const entry = prepared.catalogue.get(key);
  if (!entry) throw new Error(`it has no actor logic '${key}', which child '${self.id}' needs`);
  return effect ? effectRecord(self, entry, effect) : recordOf(entry, self, record as RecordText, children);
}

function recordOf(entry: Entry, self: StandIn, stored: RecordText, children: Children): ActorRecord {
  return { self, entry, sync: stored.z === 1, systemId: stored.y, snapshot: snapshotFrom(entry, stored, children) };
}

function snapshotFrom(entry: Entry, stored: RecordText, children: Children): Snapshot {
  const { v: value, c, f, o: output, x: error } = stored;
  const status = f === undefined ? 'active' : f === 'd' ? 'done' : 'error';
  if (entry.kind === 'machine' && value !== undefined) {
    const historyValue = historyFromIds(entry.logic, stored.h);
    const context = (entry.atRest ? rested(c as Context, entry.atRest) : c) as Context;
    return snapshotOf(entry.templates, value, { status, output, error, context, children, historyValue });
  }
  return f === undefined ? restored(entry.logic, c) : { status, output, error };
}

function timerOf({ i, d, s, a = '', b = '', e }: TimerText): StoredTimer {
  return { id: i, sendId: s, source: a, target: b, event: e ?? { type: s }, dueAt: d };
}

function effectOf({ i, r, n, s, p, y, z, b, a = 1 }: EffectText): StoredEffect {
  const status = b === 1 ? 'running' : b === 2 ? 'delegated' : 'pending';
  return {
    id: i,
    ref: r,
    owner: ownerOf(r),
    name: n,
    src: s,
    input: p,
    systemId: y,
    sync: z === 1,
    status,
    attempt: a,
  };
}
