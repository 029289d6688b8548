/** What a chart looks like before anybody has said where: boxes with their lines of text, and arrows with their labels. */
import { type Chart, type ChartState, type ChartTransition, statesOf } from './chart-model.ts';

export interface Box {
  /** Id of the state, or of something that stands for one. */
  readonly id: string;
  readonly role: 'state' | 'everywhere' | 'start';
  readonly kind: ChartState['kind'];
  readonly title: string;
  readonly lines: readonly string[];
  /** Without what is inside of it. */
  readonly width: number;
  readonly height: number;
  readonly children: readonly Box[];
}

export interface Arrow {
  readonly from: string;
  readonly to: string;
  /** What is merged in it: one line each. */
  readonly labels: readonly string[];
  readonly width: number;
  readonly height: number;
}

export interface ChartGraph {
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
}

/** What stands for the root where it has transitions: they hold in any state. */
export const EVERYWHERE = '*';

const LINE_HEIGHT = 16;
export const TITLE_HEIGHT = 32;
const LABEL_HEIGHT = 14;
/** Room beside the title for a number. */
const BADGE_WIDTH = 48;
const LONGEST_TEXT = 44;
/** More lines than this say less. */
const MOST_LINES = 8;
const START_SIZE = 10;
/** With more labels than this, an arrow says what causes it, and not under which conditions. */
const MOST_LABELS = 2;

export function graphOf(chart: Chart): ChartGraph {
  const { root } = chart;
  const everywhere = root.transitions.some(({ to }) => to.length > 0);
  const boxes = [
    ...(root.initial === null ? [] : [startOf(root)]),
    ...(everywhere
      ? [boxOf({ ...root, id: EVERYWHERE, key: 'any state', kind: 'atomic', children: [] }, 'everywhere')]
      : []),
    ...(root.children.length > 0 ? root.children : [root]).map((child) => boxOf(child, 'state')),
  ];
  return { boxes, arrows: arrowsOf(chart) };
}

function boxOf(state: ChartState, role: Box['role']): Box {
  const lines = linesOf(state);
  const longest = Math.max(0, ...lines.map((line) => line.length * 6.3));
  const children = [
    ...(state.initial === null || state.kind === 'parallel' || state.children.length === 0 ? [] : [startOf(state)]),
    ...state.children.map((child) => boxOf(child, 'state')),
  ];
  return {
    id: state.id,
    role,
    kind: state.kind,
    title: clip(state.key),
    lines,
    width: Math.ceil(Math.max(96, clip(state.key).length * 7.8 + 24 + BADGE_WIDTH, longest + 24)),
    height: TITLE_HEIGHT + (lines.length === 0 ? 0 : lines.length * LINE_HEIGHT + 8),
    children,
  };
}

function startOf({ id }: ChartState): Box {
  const size = { width: START_SIZE, height: START_SIZE };
  return { id: startId(id), role: 'start', kind: 'atomic', title: '', lines: [], ...size, children: [] };
}

function startId(id: string): string {
  return `${id}>`;
}

function linesOf({ entry, exit, invokes, transitions }: ChartState): readonly string[] {
  const inner = transitions.filter(({ to }) => to.length === 0);
  const lines = [
    ...entry.map((name) => `entry / ${name}`),
    ...invokes.map((name) => `invoke ${name}`),
    ...exit.map((name) => `exit / ${name}`),
    ...inner.map((transition) => labelOf(transition)),
  ].map(clip);
  return lines.length <= MOST_LINES
    ? lines
    : [...lines.slice(0, MOST_LINES - 1), `… ${lines.length - MOST_LINES + 1} more`];
}

/** Parallel arrows between the same two are one, with their labels one under the other. */
function arrowsOf(chart: Chart): readonly Arrow[] {
  const { root } = chart;
  const labels = new Map<string, { from: string; to: string; labels: string[] }>();
  const add = (from: string, to: string, label: string | null): void => {
    const key = JSON.stringify([from, to]);
    const arrow = labels.get(key) ?? { from, to, labels: [] };
    labels.set(key, arrow);
    if (label !== null && !arrow.labels.includes(label)) arrow.labels.push(label);
  };
  for (const state of statesOf(chart)) {
    if (state.initial !== null && state.kind !== 'parallel' && state.children.length > 0)
      add(startId(state.id), state.initial, null);
    const from = state.id === '' && root.children.length > 0 ? EVERYWHERE : state.id;
    // Entering the root is beginning again.
    for (const transition of state.transitions)
      for (const to of transition.to) add(from, to === '' ? (root.initial ?? '') : to, clip(labelOf(transition)));
  }
  return [...labels.values()].map(({ from, to, labels }) => {
    const shown =
      labels.length <= MOST_LABELS ? labels : [...new Set(labels.map((label) => label.split(' [')[0] ?? ''))];
    const width = Math.ceil(Math.max(0, ...shown.map((label) => label.length * 6.2)) + 8);
    return { from, to, labels: shown, width, height: shown.length * LABEL_HEIGHT };
  });
}

/** `approve [mayApprove]`. */
function labelOf({ cause, guard }: ChartTransition): string {
  return guard === null ? cause : `${cause} [${guard}]`;
}

function clip(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 1)}…`;
}
