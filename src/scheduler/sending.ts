/** Everything that reaches an actor from outside is a letter in its mailbox: events, and what operators ask of it. */
import type { AnyEventObject, StateValue } from 'xstate';
import { ActorNotFoundError, ActorSettledError, InvalidOptionError, InvalidStateError } from '../errors.ts';
import { GroupCommit } from '../group-commit.ts';
import { acceptsIn } from '../interpreter/index.ts';
import { text } from '../option-checks.ts';
import type { NewMail, SendReply, Sent } from '../store/contract.ts';
import type { Order } from '../store/operating.ts';
import { type Control, checkEvent, encodeLetter, type Letter } from '../turn/mail.ts';
import { isActorId } from './actor-id.ts';
import { resolveSendOptions, type SendOptions } from './call-options.ts';
import type { Runtime } from './runtime.ts';

const cancelReason = text(1024);

export class Sending {
  readonly #runtime: Runtime;
  readonly #group: GroupCommit<NewMail, Sent>;
  /** In groups of their own: each is written down in the audit. */
  readonly #orders: GroupCommit<Order, Sent>;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    const bounds = {
      maxItems: 500,
      maxBytes: 4_000_000,
      bytesOf: ({ event }: NewMail) => event.length,
      concurrency: 2,
    };
    this.#group = new GroupCommit<NewMail, Sent>({
      ...bounds,
      write: async (mail) => this.#told(await runtime.store.send(mail)),
    });
    this.#orders = new GroupCommit<Order, Sent>({
      ...bounds,
      write: async (orders) => this.#told(await runtime.store.order(orders)),
    });
  }

  async event(id: string, event: AnyEventObject, options?: SendOptions): Promise<void> {
    checkEvent(event);
    const { dedupId, client } = resolveSendOptions(options ?? {});
    const mail = this.#letter(id, { kind: 'event', event }, dedupId);
    if (!isActorId(id)) throw new ActorNotFoundError(id);
    if (!client) return this.#deliver(mail);
    const reply = await this.#runtime.store.sendWithin(client, [mail]);
    this.#told(reply);
    refuse(id, reply.items[0] as Sent);
  }

  async cancel(id: string, reason?: string): Promise<void> {
    if (reason !== undefined) cancelReason(reason, 'reason');
    await this.control(id, { type: 'cancel', ...(reason !== undefined && { reason }) });
  }

  /** The state is looked at first, to refuse what could only be ignored; one that changes meanwhile ignores it. */
  async runNow(id: string): Promise<void> {
    const { state, takes } = await this.#live(id);
    if (!takes('job.runNow'))
      throw new InvalidStateError(id, `it is in ${JSON.stringify(state)}, where nothing waits for its time.`);
    await this.control(id, { type: 'runNow' });
  }

  async reschedule(id: string, at: Date): Promise<void> {
    if (!(at instanceof Date) || Number.isNaN(at.getTime()))
      throw new InvalidOptionError('at', 'must be a valid Date.');
    const { state, takes } = await this.#live(id);
    if (!takes('job.reschedule'))
      throw new InvalidStateError(id, `it has begun (${JSON.stringify(state)}); only the first start can be moved.`);
    await this.control(id, { type: 'reschedule', to: at.getTime() });
  }

  /** Out of quarantine, and looked at now. */
  async release(id: string): Promise<void> {
    const { store, clock } = this.#runtime;
    const stored = isActorId(id) ? await store.find(id) : null;
    if (!stored) throw new ActorNotFoundError(id);
    if (!(await store.release(id, { who: this.#runtime.options.operator })))
      throw new InvalidStateError(id, `it is '${stored.status}', not in quarantine: there is nothing to release.`);
    this.#runtime.announceDue(await this.#runtime.queues.register(stored.queue), clock.now());
  }

  async settled(): Promise<void> {
    await Promise.all([this.#group.settled(), this.#orders.settled()]);
  }

  /** Its state, and whether it can do what is asked: a standard machine says so itself, any other only before it begins. */
  async #live(
    id: string,
  ): Promise<{ readonly state: StateValue | null; readonly takes: (request: string) => boolean }> {
    const stored = isActorId(id) ? await this.#runtime.store.find(id) : null;
    if (!stored) throw new ActorNotFoundError(id);
    if (stored.status === 'done' || stored.status === 'dropped') throw new ActorSettledError(id);
    const definition = this.#runtime.readable(stored.name, stored.version);
    const written = stored.state === null ? null : (JSON.parse(stored.state) as StateValue);
    // Its row says that it waits until its first turn is written; that it is claimed says more.
    const state = stored.worker === null ? written : (definition?.claimed?.state ?? written);
    if (!definition?.standard || state === null) {
      const waits = state === null || (!definition && state === 'scheduled' && stored.worker === null);
      return { state, takes: () => waits };
    }
    const accepted = acceptsIn(definition.prepared, state);
    return { state, takes: (request) => accepted.includes(request) };
  }

  /** Asks it of an actor, whatever its state: its machine decides. */
  async control(id: string, control: Control): Promise<void> {
    if (!isActorId(id)) throw new ActorNotFoundError(id);
    this.#runtime.assertOpen();
    const { type: action, ...asked } = control;
    const after = 'to' in asked ? { to: new Date(asked.to).toISOString() } : {};
    const reason = 'reason' in asked && asked.reason !== undefined ? { reason: asked.reason } : {};
    const by = { who: this.#runtime.options.operator, ...reason };
    refuse(id, await this.#orders.add({ ...this.#letter(id, { kind: 'control', control }, null), action, after, by }));
  }

  #letter(actor: string, letter: Letter, dedupId: string | null): NewMail {
    return { actor, event: encodeLetter(letter, this.#runtime.options.maxPayloadBytes), dedupId };
  }

  async #deliver(mail: NewMail): Promise<void> {
    this.#runtime.assertOpen();
    refuse(mail.actor, await this.#group.add(mail));
  }

  #told(reply: SendReply): readonly Sent[] {
    this.#runtime.clock.observe(reply.now);
    for (const queue of reply.queues) this.#runtime.announceDue(queue, reply.now);
    return reply.items;
  }
}

function refuse(id: string, sent: Sent): void {
  if (sent === 'unknown') throw new ActorNotFoundError(id);
  if (sent === 'settled') throw new ActorSettledError(id);
}
