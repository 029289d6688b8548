import type { StoreStats } from '../store/contract.ts';
import type { DutyReport } from '../sweep.ts';

/** Counts and ages for operators. Counts are bounded: above 10,000 they stop counting. */
export interface Stats {
  readonly queues: readonly {
    readonly queue: string;
    readonly paused: boolean;
    readonly due: number;
    readonly later: number;
    readonly oldestDueAt: Date | null;
  }[];
  readonly active: number;
  readonly quarantined: number;
  /** Waiting for a worker that knows their definition. */
  readonly parked: number;
  /** Letters that nobody has read. */
  readonly mail: number;
  readonly workers: readonly {
    readonly id: string;
    readonly host: string;
    readonly pid: number;
    readonly concurrency: number;
    readonly beatAt: Date;
    readonly alive: boolean;
    /** Actors it holds. */
    readonly held: number;
  }[];
  /** The upkeep of this process. */
  readonly duties: readonly DutyReport[];
  /** What a duty failed on: left alone until `nextAt`, longer each time. */
  readonly setAside: readonly {
    readonly duty: string;
    readonly target: string;
    readonly failures: number;
    readonly error: string;
    readonly since: Date;
    readonly nextAt: Date;
  }[];
  readonly alarms: { readonly up: boolean; readonly armed: number; readonly lastError?: string };
}

export function statsOf(store: StoreStats, duties: readonly DutyReport[], alarms: Stats['alarms']): Stats {
  return {
    queues: store.queues.map(({ oldestDueAt, ...queue }) => ({
      ...queue,
      oldestDueAt: oldestDueAt === null ? null : new Date(oldestDueAt),
    })),
    active: store.active,
    quarantined: store.quarantined,
    parked: store.parked,
    mail: store.mail,
    workers: store.workers.map(({ id, host, pid, concurrency, beatAt, alive, held }) => ({
      id,
      host,
      pid,
      concurrency,
      alive,
      held,
      beatAt: new Date(beatAt),
    })),
    duties,
    setAside: store.setAside.map(({ since, nextAt, ...row }) => ({
      ...row,
      since: new Date(since),
      nextAt: new Date(nextAt),
    })),
    alarms,
  };
}
