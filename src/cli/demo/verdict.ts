/** Whether everything happened as promised: read back from the journals and records, not from what the demo remembers. */
import { isDeepStrictEqual } from 'node:util';
import type { JournalEntry } from '../../journal.ts';
import type { ActorView } from '../../reading/views.ts';
import type { Scheduler } from '../../scheduler.ts';
import { statusText } from '../wording.ts';
import { type Cast, DELAY_MS, PATIENCE_MS, type Role } from './cast.ts';
import type { DemoWorker } from './demo-worker.ts';
import type { Endpoint } from './endpoint.ts';

export interface Promised {
  readonly promise: string;
  readonly kept: boolean;
  /** What was found instead. */
  readonly found: string;
}

export interface Verdict {
  readonly promises: readonly Promised[];
  readonly rows: readonly (readonly string[])[];
}

interface Outcome {
  readonly role: Role;
  readonly view: ActorView;
  readonly journal: readonly JournalEntry[];
  /** Labels of the workers that settled it. */
  readonly settledBy: readonly string[];
  readonly startedLateMs: number;
}

export async function judge(
  scheduler: Scheduler,
  cast: Cast,
  endpoint: Endpoint,
  workers: readonly DemoWorker[],
): Promise<Verdict> {
  const read = (role: Role): Promise<Outcome> => readOutcome(scheduler, role, workers);
  const [call, greeting, approved, unanswered, report] = await Promise.all([
    read(cast.endpoint),
    read(cast.greeting),
    read(cast.approved),
    read(cast.unanswered),
    read(cast.report),
  ]);
  const all = [call, greeting, approved, unanswered, report];
  const listed = (await scheduler.list()).items.map(({ id }) => id).sort();
  const timerLateMs = (unanswered.view.settledAt?.getTime() ?? 0) - startOf(unanswered) - PATIENCE_MS;
  const interruptions = report.journal.filter(({ event }) => event.type === 'attempt.interrupted').length;
  const keys = new Set(endpoint.calls);
  const promises: Promised[] = [
    promise('nothing was lost or doubled', isDeepStrictEqual(listed, all.map(({ role }) => role.id).sort()), listed),
    promise('every run settled exactly once', all.every(settledOnce), all.map(finalEntries)),
    promise('two failures were retried, the third attempt succeeded', succeeded(call, 3), call.view.record),
    promise('all attempts carried one idempotency key', endpoint.calls.length === 3 && keys.size === 1, endpoint.calls),
    promise(`a delay of ${DELAY_MS} ms was not cut short`, succeeded(greeting, 1) && notEarly(greeting), greeting),
    promise('the approval went on when it was answered', approved.view.status === 'done', approved.view.record),
    promise(
      'the other one gave up by its timer, not early',
      unanswered.view.record?.reason === 'nobody_answered' && timerLateMs >= 0,
      { record: unanswered.view.record, timerLateMs },
    ),
    promise('the report survived the death of its worker', succeeded(report, 2) && interruptions === 1, report),
  ];
  const stories = new Map<Outcome, string>([
    [
      call,
      `${call.journal.filter(({ event }) => event.type.startsWith('xstate.error')).length} failed attempts retried`,
    ],
    [greeting, 'ran once'],
    [approved, `approved by ${(approved.view.record?.output as { by?: string } | undefined)?.by}`],
    [unanswered, `timer ${timerLateMs} ms late`],
    [report, `worker ${workers[0]?.label} was killed in attempt 1: interrupted, taken over`],
  ]);
  return { promises, rows: all.map((outcome) => row(outcome, stories.get(outcome) ?? '')) };
}

async function readOutcome(scheduler: Scheduler, role: Role, workers: readonly DemoWorker[]): Promise<Outcome> {
  const view = await scheduler.get(role.id);
  if (!view) throw new Error(`${role.title} (${role.id}) is gone.`);
  const journal = await scheduler.history(role.id);
  const settledBy: string[] = [];
  for (const worker of workers) {
    for (const id of await worker.settled()) if (id === role.id) settledBy.push(worker.label);
  }
  const startedLateMs = (view.record?.startedAt?.getTime() ?? 0) - view.createdAt.getTime() - role.delayMs;
  return { role, view, journal, settledBy, startedLateMs };
}

function promise(text: string, kept: boolean, found: unknown): Promised {
  return { promise: text, kept, found: kept ? '' : JSON.stringify(found) };
}

function startOf({ view }: Outcome): number {
  return view.record?.startedAt?.getTime() ?? view.createdAt.getTime();
}

function succeeded({ view }: Outcome, attempts: number): boolean {
  return view.record?.status === 'success' && view.record.attempts === attempts;
}

function notEarly({ startedLateMs }: Outcome): boolean {
  return startedLateMs >= 0;
}

/** How often the journal says that it entered the state it ended in. */
function finalEntries({ journal }: Outcome): number {
  const last = journal.at(-1)?.state ?? null;
  return journal.filter(({ state }) => isDeepStrictEqual(state, last)).length;
}

/** A worker that is killed right after a commit may not have told its log, but two may never tell the same. */
function settledOnce(outcome: Outcome): boolean {
  return outcome.view.record !== undefined && finalEntries(outcome) === 1 && outcome.settledBy.length <= 1;
}

function row({ role, view, settledBy, startedLateMs }: Outcome, story: string): readonly string[] {
  const attempts = view.record?.attempts ?? 0;
  return [role.title, statusText(view), String(attempts), `${startedLateMs} ms`, settledBy.join(', ') || '-', story];
}
