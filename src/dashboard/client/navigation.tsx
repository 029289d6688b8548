/** Addresses are the state of the page: filters, cursors and the step of a past that is looked at. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { here, session } from './session.ts';

export interface Place {
  /** Below where the dashboard is mounted. */
  readonly path: string;
  readonly query: URLSearchParams;
}

const moved = new Set<() => void>();

function place(): Place {
  return { path: location.pathname.slice(session.basePath.length) || '/', query: new URLSearchParams(location.search) };
}

export function go(to: string, { replace = false }: { replace?: boolean } = {}): void {
  if (replace) history.replaceState(null, '', here(to));
  else history.pushState(null, '', here(to));
  for (const tell of moved) tell();
}

export function usePlace(): Place {
  const [at, setAt] = useState(place);
  useEffect(() => {
    const tell = (): void => setAt(place());
    moved.add(tell);
    addEventListener('popstate', tell);
    return () => {
      moved.delete(tell);
      removeEventListener('popstate', tell);
    };
  }, []);
  return at;
}

/** The same address with these parameters changed; null takes one away. */
export function withQuery({ path, query }: Place, changes: Readonly<Record<string, string | null>>): string {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  return text === '' ? path : `${path}?${text}`;
}

interface LinkProps {
  readonly to: string;
  readonly children: ComponentChildren;
  readonly class?: string | undefined;
  readonly title?: string;
  readonly 'aria-label'?: string;
  readonly 'aria-current'?: 'page' | undefined;
}

export function Link({ to, children, ...rest }: LinkProps): JSX.Element {
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
    scrollTo(0, 0);
  };
  return (
    <a href={here(to)} onClick={follow} {...rest}>
      {children}
    </a>
  );
}
