/** What several pages are made of. */
import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { ActorRow, Shown } from '../wire.ts';
import { useNow } from './clock.ts';
import { hint } from './live.ts';
import { Link } from './navigation.tsx';
import { innermost, relativeText } from './wording.ts';

export function Heading({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <header class="heading">
      <h1>{title}</h1>
      {children}
    </header>
  );
}

export function Panel({
  title,
  children,
  aside,
}: {
  title: string;
  children: ComponentChildren;
  aside?: ComponentChildren;
}): JSX.Element {
  return (
    <section class="panel" aria-label={title}>
      <div class="panel-head">
        <h2>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

export function Problem({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <p class="problem" role="alert">
      {children}
    </p>
  );
}

export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <p class="empty">{children}</p>;
}

export function Loading(): JSX.Element {
  return <p class="empty">Loading …</p>;
}

/** How it is, in one word and one colour. */
export function Status({ row }: { row: Pick<ActorRow, 'status' | 'outcome' | 'states'> }): JSX.Element {
  const recovering = row.status === 'active' && row.states.includes('recovering');
  const word = row.outcome ? row.outcome.replace('failed_', '') : recovering ? 'recovering' : row.status;
  return <span class={`status ${recovering ? 'recovering' : (row.outcome ?? row.status)}`}>{word}</span>;
}

export function States({ states }: { states: readonly string[] }): JSX.Element {
  const inner = innermost(states);
  return <span class="states">{inner.length === 0 ? 'not begun' : inner.join(' · ')}</span>;
}

export function Time({ at }: { at: number }): JSX.Element {
  const now = useNow();
  const exact = new Date(at).toISOString();
  return (
    <time dateTime={exact} title={exact}>
      {relativeText(at, now)}
    </time>
  );
}

export function ActorLink({ id, name }: { id: string; name?: string }): JSX.Element {
  return (
    <Link to={`/actors/${id}`} class={name === undefined ? 'id' : undefined} title={id}>
      {name ?? id}
    </Link>
  );
}

export function Payload({ title, shown }: { title: string; shown: Shown | null }): JSX.Element {
  if (!shown) return <Empty>none</Empty>;
  return (
    <>
      {/* Focusable, because it scrolls. */}
      <pre class="payload" tabIndex={0} role="group" aria-label={title}>
        {shown.text}
      </pre>
      {shown.cut > 0 ? <p class="note">{shown.cut} more characters are not shown.</p> : null}
    </>
  );
}

/** A button that does something there, and says what came of it. */
export function Act({
  work,
  children,
  class: kind = '',
  label,
}: {
  work: () => Promise<unknown>;
  children: ComponentChildren;
  class?: string;
  label?: string;
}): JSX.Element {
  const [busy, setBusy] = useState(false);
  const act = async (): Promise<void> => {
    setBusy(true);
    await told(work);
    setBusy(false);
  };
  return (
    <button type="button" class={kind} disabled={busy} aria-label={label} onClick={() => void act()}>
      {children}
    </button>
  );
}

let tell: (message: { text: string; bad: boolean }) => void = () => undefined;

/** Does it, and says that it is done, or why not. */
export async function told(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    tell({ text: 'Done.', bad: false });
    hint();
    return true;
  } catch (error) {
    tell({ text: error instanceof Error ? error.message : String(error), bad: true });
    return false;
  }
}

/** Where {@link told} says it; one on a page. */
export function Notice(): JSX.Element {
  const [message, setMessage] = useState<{ text: string; bad: boolean } | null>(null);
  tell = setMessage;
  return (
    <div class="notice" role="status" aria-live="polite">
      {message ? (
        <p class={message.bad ? 'bad' : 'good'}>
          {message.text}
          <button type="button" class="plain" aria-label="Dismiss" onClick={() => setMessage(null)}>
            ×
          </button>
        </p>
      ) : null}
    </div>
  );
}

/** A table that scrolls by itself where the page is narrow. */
export function Table({
  label,
  head,
  children,
}: {
  label: string;
  head: readonly string[];
  children: ComponentChildren;
}): JSX.Element {
  return (
    <div class="table" tabIndex={0} role="group" aria-label={label}>
      <table>
        <thead>
          <tr>
            {head.map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
