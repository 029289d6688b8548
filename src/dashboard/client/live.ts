/**
 * Keeps what is shown up to date. One connection tells that something changed, and each part of the page then asks for its own
 * data, never while its last question is under way. A page that nobody sees is closed to both: browsers allow six connections.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import { get } from './api.ts';
import { observeClock } from './clock.ts';
import { here } from './session.ts';

const SHORTEST_PAUSE_MS = 120;
/** Once more, after all is quiet: an answer may have been made just before the last change. */
const AFTERMATH_MS = 1200;
const POLL_MS = 5000;

type Listener = () => void;

const listeners = new Set<Listener>();
const stateListeners = new Set<Listener>();
/** What is still to be asked, taken back. */
const halts = new Set<Listener>();
let source: EventSource | null = null;
let paused = false;
let connected = false;
let poll: ReturnType<typeof setInterval> | null = null;

export type LiveState = 'live' | 'paused' | 'connecting';

export function liveState(): LiveState {
  if (paused) return 'paused';
  return connected ? 'live' : 'connecting';
}

export function setPaused(value: boolean): void {
  paused = value;
  connect();
  if (!paused) hint();
}

/** Calls back whenever it changes between live, paused and connecting. */
export function onLiveState(listener: Listener): () => void {
  stateListeners.add(listener);
  return () => stateListeners.delete(listener);
}

/** Something may have changed: everything shown asks anew. */
export function hint(): void {
  for (const listener of listeners) listener();
}

function connect(): void {
  const wanted = !paused && document.visibilityState === 'visible';
  if (wanted && !source) {
    source = new EventSource(here('/api/live'));
    source.addEventListener('changed', hint);
    source.addEventListener('open', () => {
      setConnected(true);
      hint();
    });
    source.addEventListener('error', () => {
      setConnected(false);
      // Refused for good, by a proxy for one: then it asks from time to time.
      if (source?.readyState === EventSource.CLOSED) poll ??= setInterval(hint, POLL_MS);
    });
  }
  if (!wanted) {
    source?.close();
    source = null;
    if (poll !== null) clearInterval(poll);
    poll = null;
    connected = false;
    for (const halt of halts) halt();
  }
  for (const listener of stateListeners) listener();
}

function setConnected(value: boolean): void {
  connected = value;
  for (const listener of stateListeners) listener();
}

document.addEventListener('visibilitychange', () => {
  connect();
  if (document.visibilityState === 'visible' && !paused) hint();
});

export function startLive(): void {
  connect();
}

export interface Answer<T> {
  readonly value: T | null;
  readonly error: string | null;
  readonly reload: () => void;
}

/** What an address answers, kept up to date unless `once`. */
export function useAnswer<T>(path: string | null, { once = false }: { once?: boolean } = {}): Answer<T> {
  const [answer, setAnswer] = useState<{ path: string | null; value: T | null; error: string | null }>({
    path: null,
    value: null,
    error: null,
  });
  const reload = useRef<() => void>(() => undefined);

  useEffect(() => {
    if (path === null) return undefined;
    const gone = new AbortController();
    let asking = false;
    let again = false;
    let timer: ReturnType<typeof setTimeout> | null = null;
    let aftermath: ReturnType<typeof setTimeout> | null = null;
    const ask = async (): Promise<void> => {
      timer = null;
      asking = true;
      again = false;
      try {
        const value = await get<T>(path, gone.signal);
        observeClock((value as { readonly now?: number }).now);
        setAnswer({ path, value, error: null });
      } catch (error) {
        if (gone.signal.aborted) return;
        setAnswer((before) => ({
          path,
          value: before.path === path ? before.value : null,
          error: error instanceof Error ? error.message : String(error),
        }));
      }
      asking = false;
      if (again) timer ??= setTimeout(ask, SHORTEST_PAUSE_MS);
    };
    const changed = (): void => {
      if (asking) again = true;
      else if (timer === null) timer = setTimeout(ask, 10);
      if (aftermath !== null) clearTimeout(aftermath);
      aftermath = setTimeout(() => {
        if (!asking && timer === null) void ask();
      }, AFTERMATH_MS);
    };
    reload.current = changed;
    void ask();
    const halt = (): void => {
      again = false;
      for (const each of [timer, aftermath]) if (each !== null) clearTimeout(each);
      timer = null;
    };
    if (!once) {
      listeners.add(changed);
      halts.add(halt);
    }
    return () => {
      gone.abort();
      listeners.delete(changed);
      halts.delete(halt);
      halt();
    };
  }, [path, once]);

  const current = answer.path === path ? answer : { value: null, error: null };
  return { value: current.value, error: current.error, reload: () => reload.current() };
}
