/**
 * Stately's inspection events, in the wire shape of `@statelyai/inspect` 0.7, made from what is stored. Pure, and the only place
 * that knows the shape. An actor is one session under one id for its whole life, whichever processes run it.
 */
import type { AnyEventObject, StateValue } from 'xstate';
import { redacted } from '../telemetry/redact.ts';
import type { Happening } from '../turn/happening.ts';

interface Common {
  readonly sessionId: string;
  /** The session at the top of its family. */
  readonly rootId: string;
  /** Milliseconds since 1970, as text. */
  readonly createdAt: string;
  /** Where the event stands in the actor's journal; null for what is only a look at it. */
  readonly id: string | null;
  readonly _version: string;
}

/** An actor as an inspector draws it. `error` and `output` once it has them. */
export interface InspectedSnapshot {
  readonly status: Happening['status'];
  readonly value?: StateValue;
  readonly context?: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
}

/** Registers an actor. */
export interface StatelyActorEvent extends Common {
  readonly type: '@xstate.actor';
  readonly name: string;
  readonly parentId: string | undefined;
  /** The machine's configuration as JSON, its functions by name. Absent where this process does not know it. */
  readonly definition: string | undefined;
  readonly snapshot: InspectedSnapshot;
}

/** An actor received an event. */
export interface StatelyEventEvent extends Common {
  readonly type: '@xstate.event';
  readonly event: AnyEventObject;
  readonly sourceId: string | undefined;
}

/** The state an event led to. */
export interface StatelySnapshotEvent extends Common {
  readonly type: '@xstate.snapshot';
  readonly event: AnyEventObject;
  readonly snapshot: InspectedSnapshot;
}

/** What an inspector of Stately's takes, for `createWebSocketReceiver`, `createBrowserReceiver` and the pages behind them. */
export type StatelyInspectionEvent = StatelyActorEvent | StatelyEventEvent | StatelySnapshotEvent;

/** Whom the events are about. */
export interface Subject {
  readonly id: string;
  readonly name: string;
  readonly rootId: string;
  readonly parentId: string | null;
  /** Of its machine, as JSON text; null where it is not known. */
  readonly chart: string | null;
}

/** The protocol is told apart by the version of the package that speaks it. */
const VERSION = '0.7.2';
/** Of an id, for a name that people tell apart. Its beginning is a time. */
const SHORT_ID = 6;

/** Registers the actor, and says what it is now: some viewers draw a registered actor in its initial state. */
export function introduction(
  subject: Subject,
  now: Omit<Happening, 'seq' | 'byTimer'>,
  paths: readonly string[],
): StatelyInspectionEvent[] {
  const snapshot = snapshotOf(now, paths);
  const common = { ...commonOf(subject, now.at), id: null };
  return [
    {
      type: '@xstate.actor',
      ...common,
      name: `${subject.name} ${subject.id.slice(-SHORT_ID)}`,
      parentId: subject.parentId ?? undefined,
      definition: subject.chart ?? undefined,
      snapshot,
    },
    { type: '@xstate.snapshot', ...common, event: { type: '' }, snapshot },
  ];
}

/** The event, and the state it led to. */
export function happened(subject: Subject, what: Happening, paths: readonly string[]): StatelyInspectionEvent[] {
  const event = shown(what.event, paths) as AnyEventObject;
  const common = { ...commonOf(subject, what.at), id: String(what.seq) };
  return [
    { type: '@xstate.event', ...common, event, sourceId: sourceOf(subject, what) },
    { type: '@xstate.snapshot', ...common, event, snapshot: snapshotOf(what, paths) },
  ];
}

function commonOf({ id, rootId }: Subject, at: number): Omit<Common, 'id'> {
  return { sessionId: id, rootId, createdAt: String(at), _version: VERSION };
}

/** Where the arrow to it begins. */
function sourceOf({ id, parentId }: Subject, { event, byTimer }: Happening): string | undefined {
  if (byTimer) return id;
  if (event.type === 'xstate.init') return parentId ?? undefined;
  const child: unknown = event.type.startsWith('child.') ? event['child'] : undefined;
  return typeof child === 'string' ? child : undefined;
}

function snapshotOf(
  { state, context, status, output, error }: Omit<Happening, 'seq' | 'byTimer' | 'event'>,
  paths: readonly string[],
): InspectedSnapshot {
  const parts = { ...(state !== null && { value: state }), context, output, error };
  const given = Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined && part !== null));
  return { status, ...(shown(given, paths) as object) };
}

/** Hidden first, then as JSON has it: what leaves the process must not be anybody's live object. */
function shown(value: unknown, paths: readonly string[]): unknown {
  return JSON.parse(JSON.stringify(redacted(value, paths), (_key, part: unknown) => plainError(part))) as unknown;
}

function plainError(part: unknown): unknown {
  if (!(part instanceof Error)) return part;
  const { name, message, code } = part as Error & { readonly code?: unknown };
  return { name, message, ...(code !== undefined && { code }) };
}
