/** The events of a past, newest first. Selecting one shows the statechart as it was after it. */
import type { JSX } from 'preact';
import type { HistoryRow } from '../wire.ts';
import { Empty, Time } from './parts.tsx';
import { innermost } from './wording.ts';

export function Timeline({
  rows,
  leftOut,
  selected,
  select,
  causes,
}: {
  rows: readonly HistoryRow[];
  leftOut: number;
  selected: number | null;
  select: (seq: number | null) => void;
  /** What an event type is called in the statechart. */
  causes: ReadonlyMap<string, string>;
}): JSX.Element {
  if (rows.length === 0) return <Empty>Nothing has happened to it yet.</Empty>;
  const index = rows.findIndex((row) => row.seq === selected);
  const move = (event: KeyboardEvent): void => {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const next = rows[Math.min(rows.length - 1, Math.max(0, index + by))];
    if (!next) return;
    select(next.seq);
    const list = event.currentTarget as HTMLElement;
    list.querySelector<HTMLButtonElement>(`[data-seq="${next.seq}"]`)?.focus();
  };
  return (
    <>
      <ol class="timeline" aria-label="Events, newest first" onKeyDown={move} tabIndex={0}>
        {rows.map((row) => (
          <li key={row.seq}>
            <button
              type="button"
              class="plain step"
              data-seq={row.seq}
              aria-pressed={row.seq === selected}
              onClick={() => select(row.seq === selected ? null : row.seq)}
            >
              <span class="seq">{row.seq}</span>
              <span class="event" title={row.event}>
                {causes.get(row.event) ?? row.event}
              </span>
              <span class="to">{innermost(row.states).join(' · ') || 'not begun'}</span>
              <Time at={row.at} />
            </button>
          </li>
        ))}
      </ol>
      {leftOut > 0 ? <p class="note">{leftOut} older events are not shown; “carillon replay” shows them.</p> : null}
    </>
  );
}
