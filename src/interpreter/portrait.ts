/**
 * A stored system as plain data, without its definition, and back: for migrations, which know the old version only by what it left
 * behind, and for copies.
 */
import type { AnyEventObject } from 'xstate';
import { ownerOf } from './stand-in.ts';
import { type EffectText, type RecordText, readText, type TimerText, writeText } from './state-text.ts';

/** What a migration sees. */
export interface Portrait {
  /** `{ value, context }`, and `historyValue` with ids of states where the machine has history. */
  readonly snapshot: Readonly<Record<string, unknown>>;
  readonly timers: readonly { readonly id: string; readonly event: AnyEventObject; readonly dueAt: number }[];
  /** Those of the root: what it invoked or spawned. */
  readonly children: readonly { readonly id: string; readonly src: string; readonly snapshot: unknown }[];
}

export function portraitOf(text: string): Portrait {
  const { m, t = [], e = [], r = [] } = readText(text);
  const effects = e.filter(({ r: ref }) => ownerOf(ref) === '');
  const records = r.filter((record) => ownerOf(record.r ?? '') === '');
  return {
    snapshot: { value: m.v, context: m.c, ...(m.h && { historyValue: m.h }) },
    timers: t.map((timer) => ({ id: timer.i, event: eventOf(timer), dueAt: timer.d })),
    children: [
      ...effects.map(({ n, s, p }) => ({ id: n, src: s, snapshot: { status: 'active', input: p } })),
      ...records.map((record) => ({ id: record.i ?? '', src: record.k ?? '', snapshot: snapshotOf(record) })),
    ],
  };
}

function eventOf({ s, e }: TimerText): AnyEventObject {
  return e ?? { type: s };
}

function snapshotOf({ v: value, c: context, f, o: output, x: error }: RecordText): object {
  const status = f === undefined ? 'active' : f === 'd' ? 'done' : 'error';
  return { status, value, context, output, error };
}

/** The same system in another state. What is left out of `timers` or `children` ends; new timers belong to the root. */
export function repainted(text: string, { snapshot, timers, children }: Portrait): string {
  const { m, t = [], e = [], r = [], ...system } = readText(text);
  const { value, context, historyValue } = snapshot as {
    value: RecordText['v'];
    context: unknown;
    historyValue: unknown;
  };
  const staying = new Set(children.map(({ id }) => id));
  const goneRefs = [
    ...e.filter(({ r: ref, n }) => ownerOf(ref) === '' && !staying.has(n)).map(({ r: ref }) => ref),
    ...r.flatMap(({ r: ref = '', i = '' }) => (ownerOf(ref) === '' && !staying.has(i) ? [ref] : [])),
  ];
  const goes = (address: string): boolean => goneRefs.some((ref) => address === ref || address.startsWith(`${ref}~`));
  const known = new Map(t.map((timer) => [timer.i, timer]));
  let sequence = system.n ?? 0;
  const kept = timers.map(({ id, event, dueAt }): TimerText => {
    const before = known.get(id);
    // The send id of an `after` is its event: leaving the state takes the timer back by it.
    const sendId = before && before.s !== eventOf(before).type ? before.s : event.type;
    return {
      i: before ? id : String(++sequence),
      d: Math.ceil(dueAt),
      s: sendId,
      a: before?.a,
      b: before?.b,
      e: event,
    };
  });
  const effects = e.filter(({ r: ref }) => !goes(ref));
  const records = r.filter(({ r: ref = '' }) => !goes(ref));
  const pending = kept.filter(({ a = '', b = '' }) => !goes(a) && !goes(b));
  return writeText({
    ...system,
    m: { ...m, v: value, c: context, h: historyValue as RecordText['h'] },
    n: sequence || undefined,
    t: pending.length > 0 ? pending : undefined,
    e: effects.length > 0 ? effects : undefined,
    r: records.length > 0 ? records : undefined,
  });
}

/** A copy for another actor: its effects have ids of their own, and none of them was started yet. */
export function withEffectIds(text: string, from: string, to: string): string {
  const state = readText(text);
  const renamed = state.e?.map((effect): EffectText => {
    const id = effect.i.startsWith(from) ? to + effect.i.slice(from.length) : effect.i;
    return { ...effect, i: id, b: undefined, a: undefined };
  });
  return writeText({ ...state, e: renamed });
}
