/** The list of actors, and one of them. */

import { ActorNotFoundError } from '../errors.ts';
import { activeStates } from '../inspect/active-states.ts';
import type { JournalEntry } from '../journal.ts';
import type { Explanation } from '../reading/explain.ts';
import type { ActorView } from '../reading/views.ts';
import type { ListOptions } from '../scheduler/call-options.ts';
import type { Insight } from '../scheduler/insight.ts';
import type { Scheduler } from '../scheduler.ts';
import { shown, words } from './payload.ts';
import type { ActorAction, ActorDetail, ActorPage, ActorRow, StepDetail } from './wire.ts';

const FILTERS = ['status', 'record', 'state', 'name', 'queue', 'label', 'key', 'parentId', 'cursor'] as const;
const PAGE = 50;
/** Looked at for one page: what only a few fit is found in as many steps as its reader has patience for. */
const WITHIN = 20_000;
/** Entries of the past that one answer has. */
const MOST_HISTORY = 500;

/** @throws InvalidOptionError for a filter that cannot be. */
export async function readActors(
  scheduler: Scheduler,
  query: URLSearchParams,
  redact: readonly string[],
): Promise<ActorPage> {
  const given = FILTERS.flatMap((name) => {
    const value = query.get(name);
    return value === null || value === '' ? [] : [[name, value] as const];
  });
  const { items, cursor } = await scheduler.list({
    ...(Object.fromEntries(given) as ListOptions),
    limit: PAGE,
    within: WITHIN,
  });
  return { items: items.map((view) => rowOf(view, redact)), cursor: cursor ?? null };
}

/** @throws ActorNotFoundError */
export async function readActor(scheduler: Scheduler, insight: Insight, id: string): Promise<ActorDetail> {
  const { redact } = insight;
  const view = await scheduler.get(id);
  if (!view) throw new ActorNotFoundError(id);
  const [explanation, history] = await Promise.all([scheduler.explain(id), scheduler.history(id)]);
  const { record } = view;
  const error = record?.error && (shownError(record.error, redact) ?? record.error);
  return {
    ...rowOf(view, redact),
    now: insight.now(),
    priority: view.priority,
    labels: view.labels,
    key: view.key ?? null,
    parentId: view.parentId ?? null,
    childKey: view.childKey ?? null,
    retried: view.retried,
    seq: view.seq,
    mail: view.mail,
    recovering: view.recovering
      ? {
          attempt: view.recovering.attempt,
          of: view.recovering.of ?? null,
          nextAt: view.recovering.nextAt.getTime(),
        }
      : null,
    input: shown('input', view.input, redact),
    context: view.context === null ? null : shown('context', view.context, redact),
    output: record?.status === 'success' ? shown('output', record.output, redact) : null,
    progress: shown('progress', view.progress, redact),
    error: error ? { name: error.name, message: words(error.message), code: error.code ?? null } : null,
    timers: view.timers.map(({ id, event, dueAt }) => ({ id, event, dueAt: dueAt.getTime() })),
    effects: view.effects.map(({ id, src, running, workerId, childId }) => ({
      id,
      src,
      running,
      workerId: workerId ?? null,
      childId: childId ?? null,
    })),
    waitingFor: explanation.waitingFor.map(({ detail, at }) => ({ detail: words(detail), at: at?.getTime() ?? null })),
    accepts: explanation.accepts,
    may: allowed(view, explanation),
    history: history.slice(-MOST_HISTORY).reverse().map(historyRow),
    historyLeftOut: Math.max(0, history.length - MOST_HISTORY),
    replayable: insight.knows(view.name, view.version),
  };
}

/** @throws ActorNotFoundError where it has no such step */
export async function readStep(scheduler: Scheduler, insight: Insight, id: string, seq: number): Promise<StepDetail> {
  const entry = (await scheduler.history(id)).find((candidate) => candidate.seq === seq);
  const view = await scheduler.get(id);
  if (!entry || !view) throw new ActorNotFoundError(id);
  const { redact } = insight;
  const event = shown('event', entry.event, redact) ?? { text: '', cut: 0 };
  return { seq, event, context: await contextAt(scheduler, insight, view, seq) };
}

async function contextAt(
  scheduler: Scheduler,
  insight: Insight,
  view: ActorView,
  seq: number,
): Promise<StepDetail['context']> {
  if (!insight.knows(view.name, view.version)) return null;
  try {
    const { steps } = await scheduler.replay(view.id, { upTo: seq });
    return shown('context', steps.at(-1)?.context ?? undefined, insight.redact);
  } catch {
    // Its past cannot be taken again with this code; the journal is shown all the same.
    return null;
  }
}

function rowOf(view: ActorView, redact: readonly string[]): ActorRow {
  const { record } = view;
  const error = record?.error && shownError(record.error, redact);
  const why = error ? `${error.name}: ${error.message}` : (view.reason ?? record?.reason ?? null);
  return {
    id: view.id,
    name: view.name,
    version: view.version,
    status: view.status,
    states: activeStates(view.state),
    outcome: record?.status ?? null,
    why: why === null ? null : words(why).slice(0, 400),
    queue: view.queue,
    attempt: view.attempt,
    wakeAt: view.wakeAt?.getTime() ?? null,
    createdAt: view.createdAt.getTime(),
    settledAt: view.settledAt?.getTime() ?? null,
  };
}

type RunError = NonNullable<NonNullable<ActorView['record']>['error']>;

function shownError(error: RunError, redact: readonly string[]): RunError | null {
  const seen = shown('error', error, redact);
  if (!seen || seen.cut > 0) return seen ? { ...error, message: words(error.message) } : null;
  const parsed = JSON.parse(seen.text) as unknown;
  if (typeof parsed !== 'object' || parsed === null) return { name: 'Error', message: String(parsed) };
  const { name, message, code } = parsed as { readonly [part in keyof RunError]?: unknown };
  return { name: String(name), message: String(message), ...(typeof code === 'string' && { code }) };
}

function allowed({ status }: ActorView, { state, accepts }: Explanation): readonly ActorAction[] {
  if (status === 'dropped') return ['retry'];
  if (status === 'quarantined') return ['release', 'cancel'];
  if (status === 'done') return [];
  const waits = state === null || accepts.includes('job.runNow') || state === 'scheduled';
  return ['send', ...(waits ? (['run-now'] as const) : []), 'cancel'];
}

function historyRow({ seq, at, event, state }: JournalEntry): ActorDetail['history'][number] {
  return { seq, at: at.getTime(), event: event.type, states: activeStates(state) };
}
