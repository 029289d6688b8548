/** The calls about follow-ups. */
import { ActorNotFoundError, ActorSettledError, InvalidOptionError } from '../errors.ts';
import { object, optional, text } from '../option-checks.ts';
import { type ActorView, viewOf } from '../reading/views.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import type { Scheduling } from '../scheduler/scheduling.ts';
import type { Sending } from '../scheduler/sending.ts';
import type { Submitted } from '../scheduler/submission.ts';
import type { StoredActor } from '../store/contract.ts';
import { FOLLOWUP_NAME, followupDefinition } from './definition.ts';
import { KEPT, keyLabel, resolveFollowup, threadLabel } from './options.ts';

const PAGE = 500;

const filterChecks = object({ threadId: text(512) });
const selectorChecks = object({ key: optional(text(512), null), threadId: optional(text(512), null) });

export class Followups {
  readonly #runtime: Runtime;
  readonly #scheduling: Scheduling;
  readonly #sending: Sending;

  constructor(runtime: Runtime, scheduling: Scheduling, sending: Sending) {
    this.#runtime = runtime;
    this.#scheduling = scheduling;
    this.#sending = sending;
  }

  async schedule(options: unknown): Promise<Submitted> {
    const { store, clock, options: settings } = this.#runtime;
    // An instant is judged by the store's own clock; for a delay, nobody has to be asked.
    const now = (options as { readonly at?: unknown } | undefined)?.at === undefined ? clock.now() : await store.now();
    const limits = { now, maxBytes: settings.maxPayloadBytes };
    const { input, schedule, replaces } = resolveFollowup(options, limits);
    return this.#scheduling.own(followupDefinition, { input, resolved: schedule, replaces });
  }

  async list(filter: unknown): Promise<ActorView[]> {
    const { threadId } = filterChecks(filter, '');
    const views: ActorView[] = [];
    for await (const page of this.#pages(threadLabel(threadId))) {
      const shown = page.filter((actor) => isLive(actor) || actor.labels.includes(KEPT));
      views.push(...shown.map((actor) => viewOf(actor, this.#runtime.loaded(actor.name, actor.version))));
    }
    return views;
  }

  async cancel(selector: unknown): Promise<number> {
    const { key, threadId } = selectorChecks(selector, '');
    if ((key === null) === (threadId === null)) {
      throw new InvalidOptionError('key', "or 'threadId': give exactly one of the two.");
    }
    let asked = 0;
    for await (const page of this.#pages(key === null ? threadLabel(threadId ?? '') : keyLabel(key))) {
      const told = await Promise.all(page.filter(isLive).map(({ id }) => this.#cancelOne(id)));
      asked += told.filter(Boolean).length;
    }
    return asked;
  }

  /** False: it settled meanwhile. */
  async #cancelOne(id: string): Promise<boolean> {
    try {
      await this.#sending.cancel(id);
      return true;
    } catch (error) {
      if (error instanceof ActorSettledError || error instanceof ActorNotFoundError) return false;
      throw error;
    }
  }

  async *#pages(label: string): AsyncGenerator<readonly StoredActor[]> {
    const filter = { name: FOLLOWUP_NAME, label, limit: PAGE };
    for (let cursor: string | undefined; ; ) {
      const page = await this.#runtime.store.list({ ...filter, ...(cursor !== undefined && { cursor }) });
      yield page.items;
      cursor = page.cursor;
      if (cursor === undefined) return;
    }
  }
}

function isLive({ status }: StoredActor): boolean {
  return status === 'active' || status === 'quarantined';
}
