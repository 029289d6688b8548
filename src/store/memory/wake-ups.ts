/**
 * Wake-ups inside the process: who listens, and announcements to them. Leading edge, then at most one per queue in 5 ms,
 * carrying the earliest instant. Delivered by a timer of the announcer, never inside its call.
 */
import type { Env } from '../../env.ts';
import type { Instant, Poked } from '../contract.ts';
import type { WakeListener } from '../wake-listener.ts';
import type { Listening, Tables } from './database.ts';

const QUIET_MS = 5;

export interface WakeUps {
  listen(worker: string | null, listener: WakeListener): { close(): Promise<void> };
  announce(queue: number, at: Instant): void;
  announcePokes(poked: readonly Poked[]): void;
  close(): void;
}

export function createWakeUps(tables: Tables, env: Env, namespace: string): WakeUps {
  const mine = new Set<Listening>();
  /** Queues announced within the quiet time, with what arrived meanwhile. */
  const quiet = new Map<number, Instant | null>();

  const tell = (queue: number, at: Instant): void => {
    for (const listening of tables.listeners) {
      if (listening.namespace === namespace) listening.listener.due(queue, at);
    }
  };
  const announce = (queue: number, at: Instant): void => {
    const waiting = quiet.get(queue);
    if (waiting !== undefined) {
      quiet.set(queue, Math.min(waiting ?? at, at));
      return;
    }
    quiet.set(queue, null);
    env.setTimer(0, () => tell(queue, at));
    env.setTimer(QUIET_MS, () => {
      const next = quiet.get(queue) ?? null;
      quiet.delete(queue);
      if (next !== null) announce(queue, next);
    });
  };

  return {
    listen(worker, listener) {
      const listening: Listening = { namespace, worker, listener };
      tables.listeners.add(listening);
      mine.add(listening);
      return {
        close: async () => {
          tables.listeners.delete(listening);
          mine.delete(listening);
        },
      };
    },
    announce,
    announcePokes(poked) {
      if (poked.length === 0) return;
      env.setTimer(0, () => {
        for (const { id, worker } of poked) {
          for (const listening of tables.listeners) {
            if (listening.worker === worker) listening.listener.poke(id);
          }
        }
      });
    },
    close() {
      for (const listening of mine) tables.listeners.delete(listening);
      mine.clear();
    },
  };
}
