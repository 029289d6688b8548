/**
 * How far a flow is: one character for each child, in the order of its plan. Pure: who comes after whom is in the plan, which
 * never changes and is not part of what is stored with every turn.
 */

/** What a child can be. `skipped`: it comes after one that did not end well, and never starts. */
export const marks = {
  waiting: '.',
  started: '>',
  recovering: '~',
  done: '+',
  dropped: '!',
  cancelled: 'x',
  skipped: '-',
} as const;

export type ChildStatus = keyof typeof marks;

/** A child's place. Both lists are positions in the plan: those it comes after, and those that come after it. */
export interface PlannedChild {
  readonly key: string;
  readonly after: readonly number[];
  readonly before: readonly number[];
}

/** What follows from a flow's input. */
export interface FlowPlan {
  readonly children: readonly PlannedChild[];
  /** Position of the child with this key; -1: there is none. */
  indexOf(key: unknown): number;
  /** Id of the actor that is, or will be, the child with this key. */
  idOf(key: string): string;
}

/** Who may begin now, and what that makes of all of them. */
export interface Advance {
  readonly children: string;
  readonly starts: readonly number[];
}

export function statusAt(children: string, index: number): ChildStatus | undefined {
  const mark = children[index];
  return (Object.keys(marks) as ChildStatus[]).find((status) => marks[status] === mark);
}

/** The positions of all that have one of these statuses. */
export function having(children: string, ...statuses: readonly ChildStatus[]): number[] {
  const wanted = new Set<string>(statuses.map((status) => marks[status]));
  return children.split('').flatMap((mark, index) => (wanted.has(mark) ? [index] : []));
}

export function has(children: string, status: ChildStatus): boolean {
  return children.includes(marks[status]);
}

/** Nothing runs, and nothing ever will. */
export function isOver(children: string): boolean {
  return !has(children, 'waiting') && !has(children, 'started') && !has(children, 'recovering');
}

export function marked(children: string, index: number, status: ChildStatus): string {
  return children.slice(0, index) + marks[status] + children.slice(index + 1);
}

/** Those that come after nobody begin. */
export function begun({ children }: FlowPlan): Advance {
  const starts = children.flatMap(({ after }, index) => (after.length === 0 ? [index] : []));
  return {
    children: children.map(({ after }) => (after.length === 0 ? marks.started : marks.waiting)).join(''),
    starts,
  };
}

/** One has ended: those begin for which it was the last, or none that comes after it ever will. */
export function advanced(
  plan: FlowPlan,
  children: string,
  index: number,
  end: 'done' | 'dropped' | 'cancelled',
): Advance {
  const ended = marked(children, index, end);
  if (end !== 'done') return { children: cutOff(plan, ended, index), starts: [] };
  const isDone = (earlier: number): boolean => ended[earlier] === marks.done;
  const starts = waitingFor(plan, ended, index).filter((later) => plan.children[later]?.after.every(isDone));
  return { children: starts.reduce((all, start) => marked(all, start, 'started'), ended), starts };
}

/** Directly; not those that come after them. */
function waitingFor(plan: FlowPlan, children: string, index: number): number[] {
  return (plan.children[index]?.before ?? []).filter((later) => children[later] === marks.waiting);
}

function cutOff(plan: FlowPlan, children: string, index: number): string {
  let left = children;
  const cut = [index];
  for (let each = cut.pop(); each !== undefined; each = cut.pop()) {
    for (const later of waitingFor(plan, left, each)) {
      left = marked(left, later, 'skipped');
      cut.push(later);
    }
  }
  return left;
}

/** The flow ends before its children do: what runs is told to end, and what waits never begins. */
export function abandoned(children: string): string {
  return children
    .replaceAll(marks.started, marks.cancelled)
    .replaceAll(marks.recovering, marks.cancelled)
    .replaceAll(marks.waiting, marks.skipped);
}
