/**
 * Actors that belong to another one: what a child is to its parent, and what it tells it. Both travel as opaque text, with
 * the child's row and with its mail.
 */
import type { AnyEventObject } from 'xstate';
import { decode, encode } from '../codec.ts';
import type { StoredRecord } from '../run-record.ts';
import type { Instant } from '../store/contract.ts';

/** It does what its parent invoked: its end is the end of that effect. `effect`: address of the incarnation. */
export interface DelegateRole {
  readonly effect: string;
}

/** It is a step of a flow. `after`: ids of the finished children whose outputs it may read, by their keys. */
export interface FlowRole {
  readonly key: string;
  readonly after: Readonly<Record<string, string>>;
}

/** It is a run of a cron. `nominalAt`: the instant the schedule names. `extra`: it was asked for beside the schedule. */
export interface FireRole {
  readonly nominalAt: Instant;
  readonly extra?: true;
}

export type Role = DelegateRole | FlowRole | FireRole;

/** Of its role, what its parent has to be told: not what that one told it. */
type ToldRole = DelegateRole | Pick<FlowRole, 'key'> | FireRole;

/** Whose child an actor is. */
export interface Kin {
  readonly parent: string;
  readonly role: Role;
}

/** What a child tells its parent: that it ended, or that it is out of quick retries, or no longer so. */
export type News = { readonly child: string; readonly role: ToldRole } & (
  | { readonly record: StoredRecord }
  | { readonly recovering: boolean }
);

export function encodeRole(role: Role): string {
  return encode(role, { path: 'role', maxBytes: Number.POSITIVE_INFINITY });
}

/** Whose copy an actor is, and as of which event. A copy is nobody's child, so its role says that instead. */
export interface ForkOf {
  readonly id: string;
  readonly seq: number;
}

export function encodeForkOf(forkOf: ForkOf): string {
  return encode({ forkOf }, { path: 'role', maxBytes: Number.POSITIVE_INFINITY });
}

export function forkOf(parent: string | null, role: string | null): ForkOf | null {
  return parent === null && role !== null ? (decode(role) as { readonly forkOf: ForkOf }).forkOf : null;
}

export function kinOf(parent: string | null, role: string | null): Kin | null {
  if (parent === null || role === null) return null;
  const { trace: _, ...own } = decode(role) as Role & Traced;
  return { parent, role: own };
}

/** The trace an actor belongs to, as a W3C traceparent. It lies beside the role, or alone where there is none. */
interface Traced {
  readonly trace?: string;
}

export function traceOf(role: string | null): string | null {
  return role?.includes('"trace":') ? ((decode(role) as Traced).trace ?? null) : null;
}

/** For one that is nobody's child. */
export function encodeTrace(trace: string | null): string | null {
  return trace === null ? null : encode({ trace }, { path: 'role', maxBytes: Number.POSITIVE_INFINITY });
}

/** The same child, in this trace: one that its parent waits for. A run of a cron is nobody's continuation. */
export function inTrace(role: string | null, trace: string): string | null {
  if (role === null) return null;
  const own = decode(role) as Role;
  const traced: Role & Traced = { ...own, trace };
  return 'nominalAt' in own ? role : encodeRole(traced);
}

/** Only who invoked a child gets its output with the news; a flow's children read each other's by id, and a cron has no use for it. */
export function newsOfEnd(child: string, role: Role, record: StoredRecord): News {
  if ('effect' in role) return { child, role, record };
  const { output: _, ...told } = record;
  return { child, role: 'key' in role ? { key: role.key } : role, record: told };
}

/** How a standard machine hears of its child. */
export function eventOf({ child, role, ...told }: News): AnyEventObject {
  if ('recovering' in told) return { type: told.recovering ? 'child.recovering' : 'child.resumed', ...role, child };
  const { status, reason, error } = told.record;
  return { type: 'child.settled', ...role, child, status, reason, error };
}
