/** One actor on a page: what it is, what it waits for, what it did, and where to go from there. */
import colors from 'picocolors';
import type { Attempts } from '../../machines/attempts.ts';
import type { FlowContext } from '../../machines/flow.ts';
import type { AnyDefinition } from '../definitions/typed-name.ts';
import { ActorNotFoundError } from '../errors.ts';
import { flowDefinition } from '../flows/definition.ts';
import { countText } from '../flows/waiting.ts';
import { FOLLOWUP_NAME } from '../followups/definition.ts';
import type { JournalEntry } from '../journal.ts';
import type { Explanation } from '../reading/explain.ts';
import { recoveringText } from '../reading/recovery-words.ts';
import type { ActorView } from '../reading/views.ts';
import type { RunRecord } from '../run-record.ts';
import type { Scheduler } from '../scheduler.ts';
import { printFacts, printHeading, printLine, printTable } from './output.ts';
import { instantText, plain, short, stateText, statusText } from './wording.ts';

export interface ShownActor {
  readonly actor: ActorView;
  /** Null where the configuration does not have its definition. */
  readonly kind: AnyDefinition['kind'] | 'followup' | null;
  readonly explanation: Explanation;
  readonly journal: readonly JournalEntry[];
  /** The first thousand of them. */
  readonly children: readonly ShownChild[];
  readonly moreChildren: boolean;
}

interface ShownChild {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  /** Of a flow's child. */
  readonly key?: string;
}

const MAX_CHILDREN = 1000;
/** On a terminal; the rest is only counted. */
const MAX_PRINTED_CHILDREN = 20;

/** Everything there is to show of an actor. @throws ActorNotFoundError */
export async function readActor(
  scheduler: Scheduler,
  id: string,
  definitions: readonly AnyDefinition[],
): Promise<ShownActor> {
  const actor = await scheduler.get(id);
  if (!actor) throw new ActorNotFoundError(id);
  const [explanation, journal, children] = await Promise.all([
    scheduler.explain(id),
    scheduler.history(id),
    scheduler.list({ parentId: id, limit: MAX_CHILDREN }),
  ]);
  return {
    actor,
    kind:
      actor.name === FOLLOWUP_NAME ? 'followup' : (definitions.find(({ name }) => name === actor.name)?.kind ?? null),
    explanation,
    journal,
    children: children.items.map((child) => ({
      id: child.id,
      name: child.name,
      status: statusText(child),
      ...(child.childKey !== undefined && { key: child.childKey }),
    })),
    moreChildren: children.cursor !== undefined,
  };
}

export function printActor(shown: ShownActor, journalCount: number, nowMs: number): void {
  const { actor, kind, explanation, journal } = shown;
  printLine(`${colors.bold(plain(actor.name))} ${colors.dim(`version ${actor.version}`)}`);
  printLine(actor.id);
  printLine();
  printFacts([
    ...facts(actor, nowMs),
    ...(kind === 'job' || kind === 'followup'
      ? attemptFacts(actor, nowMs)
      : isFlow(actor)
        ? flowFacts(actor)
        : contextFacts(actor)),
    ...interruptionFacts(journal),
  ]);
  if (actor.status === 'active' || actor.status === 'quarantined') {
    printHeading('Waiting for');
    if (explanation.waitingFor.length === 0) printLine('  its next step, which is under way');
    for (const waiting of explanation.waitingFor) printLine(`  ${waiting.for.padEnd(10)}  ${plain(waiting.detail)}`);
  }
  if (actor.timers.length > 0 && actor.status === 'active') {
    printHeading('Timers');
    printTable(
      ['EVENT', 'DUE'],
      actor.timers.map(({ event, dueAt }) => [plain(event), instantText(dueAt, nowMs)]),
      2,
    );
  }
  if (actor.effects.length > 0) {
    printHeading('Effects');
    printTable(
      ['EFFECT', 'SOURCE', 'DONE BY'],
      actor.effects.map(({ id, src, running, workerId, childId }) => [
        plain(id),
        plain(src),
        childId === undefined ? (running ? (workerId ?? 'a worker') : 'not started') : `actor ${childId}`,
      ]),
      2,
    );
  }
  if (actor.record) printRecord(actor.record, nowMs);
  printJournal(journal, journalCount);
  printLinks(shown);
}

function facts(actor: ActorView, nowMs: number): [string, string][] {
  const rows: [string, string][] = [
    ['status', actor.status],
    ['state', actor.recovering ? recoveringText(actor.recovering, nowMs) : stateText(actor.state)],
    ['queue', `${plain(actor.queue)}, priority ${actor.priority}`],
    ['created', instantText(actor.createdAt, nowMs)],
  ];
  if (actor.attempt > 0) rows.push(['attempt', String(actor.attempt)]);
  if (actor.retried > 0) rows.push(['began again', actor.retried === 1 ? 'once' : `${actor.retried} times`]);
  if (actor.wakeAt) rows.push(['next', instantText(actor.wakeAt, nowMs)]);
  if (actor.settledAt) rows.push(['settled', instantText(actor.settledAt, nowMs)]);
  if (actor.forkOf) rows.push(['fork of', `${actor.forkOf.id}, as of step ${actor.forkOf.seq}`]);
  if (actor.reason !== undefined) rows.push(['reason', short(actor.reason, 500)]);
  if (actor.progress !== undefined) rows.push(['progress', short(actor.progress)]);
  if (actor.mail > 0) rows.push(['mailbox', `${actor.mail} unread`]);
  if (actor.key !== undefined) rows.push(['key', plain(actor.key)]);
  if (actor.labels.length > 0) rows.push(['labels', plain(actor.labels.join(', '))]);
  return rows;
}

/** Of the standard machine's context, what says something to people. */
function attemptFacts({ context, record }: ActorView, nowMs: number): [string, string][] {
  const { dueAt, error } = (context ?? {}) as Partial<Attempts>;
  const rows: [string, string][] = [];
  if (dueAt !== undefined) rows.push(['due', instantText(new Date(dueAt), nowMs)]);
  if (error && !record) rows.push(['last error', errorText(error)]);
  return rows;
}

function isFlow({ name, context }: ActorView): boolean {
  return name === flowDefinition.name && context !== null;
}

function flowFacts({ context }: ActorView): [string, string][] {
  const { children, cause } = context as FlowContext;
  const rows: [string, string][] = [['children', countText(children)]];
  if (cause) rows.push(['dropped', `${plain(cause.key)}: ${plain(cause.reason)}`]);
  return rows;
}

function contextFacts({ context }: ActorView): [string, string][] {
  return context === null || context === undefined ? [] : [['context', short(context, 300)]];
}

function interruptionFacts(journal: readonly JournalEntry[]): [string, string][] {
  const times = journal.filter(({ event }) => INTERRUPTED.has(event.type)).length;
  if (times === 0) return [];
  return [['interrupted', `${times === 1 ? 'once' : `${times} times`}, by the death of its worker`]];
}

/** Of a job's attempt, and of what another machine invoked. */
const INTERRUPTED = new Set(['attempt.interrupted', 'carillon.interrupted']);

function errorText({ name, message, code }: NonNullable<RunRecord['error']>): string {
  return short(`${name}: ${message}${code === undefined ? '' : ` (${code})`}`, 500);
}

function printRecord(record: RunRecord, nowMs: number): void {
  printHeading('Run record');
  const rows: [string, string][] = [
    ['status', record.status === 'success' ? colors.green('success') : colors.red(record.status)],
  ];
  if (record.status !== 'success') rows.push(['reason', plain(record.reason)]);
  if (record.error) rows.push(['error', errorText(record.error)]);
  rows.push(['attempts', String(record.attempts)]);
  if (record.startedAt) rows.push(['started', instantText(record.startedAt, nowMs)]);
  if (record.status === 'success' && record.output !== undefined) rows.push(['output', short(record.output, 500)]);
  printFacts(rows);
}

function printJournal(journal: readonly JournalEntry[], count: number): void {
  const last = journal.slice(Math.max(0, journal.length - count));
  if (last.length === 0) return;
  printHeading(last.length < journal.length ? `Journal, last ${last.length} of ${journal.length}` : 'Journal');
  printTable(
    ['SEQ', 'AT', 'EVENT', 'STATE'],
    last.map(({ seq, at, event, state }) => [String(seq), at.toISOString(), eventText(event), stateText(state)]),
    2,
  );
}

/** Its type, and what it carries where that says something. */
export function eventText({ type, ...data }: JournalEntry['event']): string {
  const { at: _, ...told } = data;
  return Object.keys(told).length === 0 ? plain(type) : `${plain(type)} ${short(told, 60)}`;
}

function printLinks({ actor, children, moreChildren }: ShownActor): void {
  const links: [string, string][] = [];
  if (actor.parentId !== undefined) links.push(['parent', `carillon show ${actor.parentId}`]);
  if (actor.forkOf) links.push(['origin', `carillon show ${actor.forkOf.id}`]);
  const succeeded = ({ status }: ShownChild): number => Number(status === 'success');
  const printed = children.toSorted((a, b) => succeeded(a) - succeeded(b)).slice(0, MAX_PRINTED_CHILDREN);
  for (const { id, key, name, status } of printed)
    links.push([
      'child',
      `carillon show ${id}  ${key === undefined ? '' : `${plain(key)}: `}${plain(name)}, ${status}`,
    ]);
  if (children.length > MAX_PRINTED_CHILDREN) {
    const rest = `${moreChildren ? 'more than ' : ''}${children.length - MAX_PRINTED_CHILDREN}`;
    links.push(['children', `carillon ls --parent ${actor.id} --limit ${MAX_CHILDREN}  ${rest} more`]);
  }
  if (actor.status === 'dropped') links.push(['retry', `carillon retry ${actor.id}`]);
  if (actor.status === 'quarantined') links.push(['release', `carillon quarantine release ${actor.id}`]);
  links.push(['others', `carillon ls --name ${plain(actor.name)}`]);
  printHeading('Go on with');
  printFacts(links);
}
