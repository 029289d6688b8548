/** A statechart: as a picture in which states are lit, and as text that says the same. */
import { type ComponentChild, h, type JSX } from 'preact';
import type { Chart, ChartState } from '../../inspect/chart-model.ts';
import type { Drawing } from '../../inspect/drawing.ts';
import type { ChartReply } from '../wire.ts';

export interface Marks {
  readonly active?: ReadonlySet<string>;
  /** Active one step before. */
  readonly left?: ReadonlySet<string>;
  /** Numbers on states. */
  readonly counts?: ReadonlyMap<string, string>;
  /** How much an arrow is taken, from 0 to 1, by {@link arrowKey}. */
  readonly heat?: ReadonlyMap<string, number>;
}

export function arrowKey(from: string, to: string): string {
  return `${from}>${to}`;
}

export function ChartView({ reply, marks }: { reply: ChartReply | null; marks: Marks }): JSX.Element {
  if (!reply) return <p class="empty">Loading …</p>;
  if (!reply.chart) return <p class="empty">There is no statechart to show.</p>;
  const text = <ChartText chart={reply.chart} marks={marks} />;
  if (!reply.drawing) return text;
  return (
    <>
      <div class="chart-frame" tabIndex={0} role="group" aria-label="Statechart">
        {element(reply.drawing, marks)}
      </div>
      <details>
        <summary>The same as text</summary>
        {text}
      </details>
    </>
  );
}

/** Of a drawing's own element names only: nothing in it can be a script or a link. */
const TAGS = new Set(['svg', 'g', 'rect', 'circle', 'path', 'text', 'title', 'tspan']);

function element({ tag, attributes, children }: Drawing, marks: Marks): ComponentChild {
  if (!TAGS.has(tag)) return null;
  const id = attributes['data-id'];
  const counted = attributes['data-count'];
  const classes = [attributes['class'] ?? ''];
  if (typeof id === 'string') {
    if (marks.active?.has(id)) classes.push('active');
    else if (marks.left?.has(id)) classes.push('left');
    if (marks.counts?.has(id)) classes.push('populated');
  }
  const [from, to] = [attributes['data-from'], attributes['data-to']];
  if (typeof from === 'string' && typeof to === 'string') {
    if (marks.left?.has(from) && marks.active?.has(to) && marks.left !== marks.active) classes.push('taken');
    const heat = marks.heat?.get(arrowKey(from, to));
    if (heat !== undefined && heat > 0) classes.push(`heat-${Math.ceil(heat * 4)}`);
  }
  const inner =
    typeof counted === 'string'
      ? [marks.counts?.get(counted) ?? '']
      : children.map((child) => (typeof child === 'string' ? child : element(child, marks)));
  const current = typeof id === 'string' && marks.active?.has(id) ? { 'data-active': 'true' } : {};
  return h(tag, { ...attributes, ...current, class: classes.join(' ').trim() }, ...inner);
}

function ChartText({ chart, marks }: { chart: Chart; marks: Marks }): JSX.Element {
  return (
    <ul class="cards">
      {chart.root.children.map((state) => (
        <Card key={state.id} state={state} marks={marks} />
      ))}
      {chart.root.transitions.length > 0 ? (
        <li class="card">
          <strong>in any state</strong>
          <Ways state={chart.root} />
        </li>
      ) : null}
    </ul>
  );
}

function Card({ state, marks }: { state: ChartState; marks: Marks }): JSX.Element {
  const active = marks.active?.has(state.id) ?? false;
  const count = marks.counts?.get(state.id);
  return (
    <li class={`card${active ? ' active' : ''}`}>
      <strong>{state.key}</strong>
      {state.kind === 'atomic' || state.kind === 'compound' ? null : <span class="kind">{state.kind}</span>}
      {active ? <span class="kind">active</span> : null}
      {count === undefined ? null : <span class="kind">{count}</span>}
      {state.invokes.length > 0 ? <p class="note">invokes {state.invokes.join(', ')}</p> : null}
      <Ways state={state} />
      {state.children.length > 0 ? (
        <ul class="cards">
          {state.children.map((child) => (
            <Card key={child.id} state={child} marks={marks} />
          ))}
        </ul>
      ) : null}
    </li>
  );
}

function Ways({ state }: { state: ChartState }): JSX.Element | null {
  if (state.transitions.length === 0) return null;
  return (
    <ul class="ways">
      {state.transitions.map((way, index) => (
        // Two ways may read the same; their order never changes.
        <li key={String(index)}>
          {way.cause}
          {way.guard === null ? '' : ` [${way.guard}]`}
          {way.to.length > 0 ? ` → ${way.to.map((to) => (to === '' ? 'from the start' : to)).join(', ')}` : ''}
        </li>
      ))}
    </ul>
  );
}
