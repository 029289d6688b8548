/** The options of the smaller calls: sending, waiting, listing, stopping. */
import type pg from 'pg';
import type { AnyEventObject } from 'xstate';
import type { AnyDefinition } from '../definitions/typed-name.ts';
import type { Duration } from '../duration.ts';
import {
  client,
  duration,
  integer,
  isFunction,
  kind,
  list,
  name,
  object,
  oneOf,
  optional,
  text,
} from '../option-checks.ts';
import type { RunRecord } from '../run-record.ts';
import type { ListFilter, Status } from '../store/contract.ts';
import { isActorId } from './actor-id.ts';

export interface SendOptions {
  /** At most 512 bytes. A second event with it to the same actor is dropped, for as long as the actor lives. */
  readonly dedupId?: string;
  /** Send inside the transaction that is open on this client: gone with its rollback. */
  readonly client?: pg.ClientBase;
}

export interface WaitOptions {
  /** For ever unless given. */
  readonly timeout?: Duration;
  /** Dotted path of the state to wait for: 'math.added'. A final one unless given. */
  readonly state?: string;
}

/** What `list()` shows. All given conditions hold at once. */
export interface ListOptions {
  readonly status?: Status;
  readonly record?: RunRecord['status'];
  /** A state's name, or the JSON of a nested state value. */
  readonly state?: string;
  readonly name?: string;
  readonly queue?: string;
  readonly label?: string;
  readonly key?: string;
  readonly parentId?: string;
  /** 1 to 1000. @defaultValue 50 */
  readonly limit?: number;
  /**
   * Looks at the newest so many alive and as many settled ones only, so that a filter which hardly anything fits does not read
   * everything; the cursor goes on from there. Labels, keys, parents, and what is dropped or quarantined are found without. 1 to
   * 10,000,000. All unless given.
   */
  readonly within?: number;
  /** From the page before. */
  readonly cursor?: string;
}

export interface ReplayOptions {
  /** Another version to replay with: what would it have done? The one the actor lived by unless given. */
  readonly definition?: AnyDefinition;
  /** The last event to replay, by its `seq`. All unless given. */
  readonly upTo?: number;
}

export interface ForkOptions {
  /** The last event of its past that the copy shares, by its `seq`. */
  readonly atSeq: number;
  /**
   * What happens to the copy instead, in order; at most 1000. Custom actions of these steps do not run. One that would end the copy
   * waits in its mailbox. None unless given.
   */
  readonly events?: readonly AnyEventObject[];
  /**
   * `hold`: nothing it does reaches the world, and no timer fires, until `release(id)`. `start`: it goes on at once, as any other
   * actor: its effects run a second time, under keys of their own. @defaultValue 'hold'
   */
  readonly effects?: 'hold' | 'start';
}

export interface CheckOptions {
  /** Older versions that are deployed with it: what lives by one of them keeps it. None unless given. */
  readonly kept?: readonly AnyDefinition[];
  /** How many pasts are taken again, 0 to 1000. @defaultValue 20 */
  readonly sample?: number;
  /** Told after each batch how many actors were looked at. */
  onProgress?(checked: number): void;
}

const sendChecks = object({
  dedupId: optional(text(512), null),
  client: optional(client, null),
});

const waitChecks = object({ timeout: optional(duration(0), null), state: optional(text(1024), null) });

const stopChecks = object({ timeout: optional(duration(0), 30_000) });

const definitionCheck = kind<AnyDefinition>('a definition', (value) => typeof value === 'object');

const replayChecks = object({
  definition: optional(definitionCheck, undefined),
  upTo: optional(integer(1, Number.MAX_SAFE_INTEGER), undefined),
});

const forkChecks = object({
  atSeq: integer(1, Number.MAX_SAFE_INTEGER),
  events: optional(
    list(
      1000,
      kind<AnyEventObject>('an event', (value) => typeof value === 'object' && value !== null),
    ),
    [],
  ),
  effects: optional(oneOf('hold', 'start'), 'hold' as const),
});

const checkChecks = object({
  kept: optional(list(100, definitionCheck), []),
  sample: optional(integer(0, 1000), 20),
  onProgress: optional(kind<NonNullable<CheckOptions['onProgress']>>('a function', isFunction), undefined),
});

const listChecks = object({
  status: optional(oneOf('active', 'done', 'dropped', 'quarantined'), undefined),
  record: optional(oneOf('success', 'failed_dropped', 'cancelled', 'expired'), undefined),
  state: optional(text(4096), undefined),
  name: optional(name, undefined),
  queue: optional(name, undefined),
  // Longer than what schedule() takes: those of flows, and of follow-ups, with their thread and their key.
  label: optional(text(1024), undefined),
  key: optional(text(512), undefined),
  parentId: optional(kind<string>('the id of an actor', isActorId), undefined),
  limit: optional(integer(1, 1000), 50),
  within: optional(integer(1, 10_000_000), undefined),
  cursor: optional(kind<string>('what the page before gave', isActorId), undefined),
});

export function resolveSendOptions(options: unknown): {
  readonly dedupId: string | null;
  readonly client: pg.ClientBase | null;
} {
  return sendChecks(options, '');
}

export function resolveWaitOptions(options: unknown): {
  readonly timeoutMs: number | null;
  readonly state: string | null;
} {
  const { timeout, state } = waitChecks(options, '');
  return { timeoutMs: timeout, state };
}

export function resolveStopOptions(options: unknown): { readonly timeoutMs: number } {
  return { timeoutMs: stopChecks(options, '').timeout };
}

export function resolveReplayOptions(options: unknown): ReplayOptions {
  const { definition, upTo } = replayChecks(options, '');
  return { ...(definition && { definition }), ...(upTo !== undefined && { upTo }) };
}

export function resolveForkOptions(options: unknown): Required<ForkOptions> {
  return forkChecks(options, '');
}

export function resolveCheckOptions(options: unknown): CheckOptions & { readonly sample: number } {
  const { kept, sample, onProgress } = checkChecks(options, '');
  return { kept, sample, ...(onProgress && { onProgress }) };
}

export function resolveListOptions(options: unknown): ListFilter {
  const { record, state, ...rest } = listChecks(options, '');
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    ...(given as Omit<ListFilter, 'outcome' | 'state'>),
    ...(record !== undefined && { outcome: record }),
    // Stored as JSON text: a plain name is the string of it.
    ...(state !== undefined && { state: state.startsWith('{') ? state : JSON.stringify(state) }),
  };
}
