/** Finds live crons, by indexes that any actor has: the key of one cron, and a label that all have. */

import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import { ActorNotFoundError } from '../errors.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import type { ListFilter, StoredActor } from '../store/contract.ts';
import { CRON_NAME, CRON_VERSION, cronKey } from './definition.ts';
import { type LiveCron, readCron } from './view.ts';

/** Of every cron's own actor. */
export const CRON_LABEL = CRON_NAME;

const PAGE = 1000;
/** A settled one has another status, and is no longer there. */
const LIVE = ['active', 'quarantined'] as const;

export class CronDirectory {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get definition(): LoadedDefinition {
    return this.#runtime.loaded(CRON_NAME, CRON_VERSION) as LoadedDefinition;
  }

  /** Its row, also when it is about to go. */
  async locate(id: string): Promise<StoredActor | null> {
    for (const status of LIVE) {
      const [found] = await this.#rows({ status, key: cronKey(id), limit: PAGE });
      if (found) return found;
    }
    return null;
  }

  async find(id: string): Promise<LiveCron | null> {
    return this.read(await this.locate(id));
  }

  async get(id: string): Promise<LiveCron> {
    const found = await this.find(id);
    if (!found) throw new ActorNotFoundError(id, `No cron '${id}'. \`listCrons()\` gives those there are.`);
    return found;
  }

  async all(): Promise<readonly LiveCron[]> {
    const found: LiveCron[] = [];
    for (const status of LIVE) {
      const rows = await this.#rows({ status, label: CRON_LABEL, limit: PAGE });
      found.push(...rows.flatMap((stored) => this.read(stored) ?? []));
    }
    return found.sort((one, other) => (one.spec.id < other.spec.id ? -1 : 1));
  }

  /** Null: it is about to go. */
  read(stored: StoredActor | null): LiveCron | null {
    return stored && readCron(stored, this.definition);
  }

  async #rows(filter: ListFilter): Promise<readonly StoredActor[]> {
    const found: StoredActor[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await this.#runtime.store.list({
        ...filter,
        name: CRON_NAME,
        ...(cursor !== undefined && { cursor }),
      });
      found.push(...page.items);
      cursor = page.cursor;
      if (cursor === undefined) return found;
    }
  }
}
