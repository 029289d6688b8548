/**
 * One random history, played against the store and against a model that knows only what was acknowledged: which actors
 * exist, the newest fence of each, what mail it was given and what it has consumed.
 */
import { expect } from 'vitest';
import type { KeyClaim, Scheduled } from '../../../src/store/contract.ts';
import { Hall, keysOf } from './hall.ts';
import type { Ending, Move } from './random.ts';
import { goesOn, type Held, mail, Stage, type StoreUnderTest, settles, type TestWorker } from './stage.ts';

/** Held actors with limits, as long as they are held by a turn. */
const PLACES = 2;

interface Known {
  readonly id: string;
  readonly key: number | null;
  readonly limited: boolean;
  /** Under this fence it has a place. */
  placed: number | null;
  /** Not to be claimed before; Infinity when it waits for mail only. */
  dueAt: number;
  fence: number;
  /** Was given mail: stale due rows may wake it at any time. */
  stirred: boolean;
  settled: boolean;
  quarantined: boolean;
  readonly given: Set<string>;
  readonly dedup: Set<number>;
}

interface Player {
  worker: TestWorker;
  readonly mortal: boolean;
  readonly held: Map<string, Held>;
}

export class RandomRun {
  readonly #stage: Stage;
  readonly #hall: Hall;
  readonly #known = new Map<string, Known>();
  readonly #keys = new Map<number, string>();
  readonly #keyByte: number;
  #players: Player[] = [];
  #letters = 0;
  #paused = false;

  private constructor(stage: Stage, hall: Hall, number: number) {
    this.#stage = stage;
    this.#hall = hall;
    this.#keyByte = number * 3;
  }

  static async begin(under: StoreUnderTest, queueName: string): Promise<RandomRun> {
    const stage = await Stage.set(under, queueName);
    const hall = await Hall.open(stage, { concurrency: PLACES });
    const run = new RandomRun(stage, hall, Number(queueName.split(' ')[1]));
    // The third one has a short lease: as time moves on it may be found dead at any reap.
    for (const mortal of [false, false, true]) run.#players.push(await run.#enter(mortal));
    return run;
  }

  async #enter(mortal: boolean): Promise<Player> {
    const asked = { defs: [this.#stage.def, this.#hall.def] };
    const worker = mortal ? await this.#stage.mortal(asked) : await this.#stage.worker(asked);
    if (mortal) await worker.heartbeat.stop();
    return { worker, mortal, held: new Map() };
  }

  async play(move: Move): Promise<void> {
    switch (move.kind) {
      case 'schedule':
        return this.#schedule(move);
      case 'send':
        return this.#send(move);
      case 'claim':
        return this.#claim(this.#player(move.worker), move);
      case 'turn':
        return this.#turn(this.#player(move.worker), move);
      case 'advance':
        return this.#stage.advance(move.ms);
      case 'reap':
        await this.#stage.store.reap();
        return this.#mayBeFree(this.#player(2));
      case 'admit':
        await this.#stage.store.admit();
        return;
      case 'kill':
        await this.#player(2).worker.die();
        this.#mayBeFree(this.#player(2));
        this.#players[2] = await this.#enter(true);
        return;
      case 'leave':
        return this.#leave(move.worker);
      case 'pause':
        return this.#pause(move.paused);
      case 'release':
        return this.#release(move.pick);
    }
  }

  async #schedule({ delayMs, priority, key, starter, limited }: Extract<Move, { kind: 'schedule' }>): Promise<void> {
    const player = starter === null ? null : this.#player(starter);
    const claim = key === null ? null : this.#key(key);
    const asked = { priority, when: { afterMs: delayMs }, key: claim, start: player !== null };
    const line = { concurrency: this.#stage.queueName };
    const actor = limited ? this.#hall.actor(line, asked) : this.#stage.actor(asked);
    const offer = player && { worker: player.worker.id, lease: player.worker.nextLease() };
    const { items } = await this.#stage.store.schedule([actor], offer);
    const item = items[0];
    const holder = key === null ? undefined : this.#keys.get(key);
    if (holder !== undefined) {
      const settled = this.#known.get(holder)?.settled;
      expect(item).toMatchObject({ outcome: settled ? 'skipped_idempotent' : 'skipped_in_flight', id: holder });
      return;
    }
    expect(item?.outcome).toBe('scheduled');
    if (item?.outcome === 'scheduled') this.#born(item, key, player, limited);
  }

  #born(
    item: Extract<Scheduled, { outcome: 'scheduled' }>,
    key: number | null,
    player: Player | null,
    limited = false,
  ): void {
    const { id, dueAt, started } = item;
    const fence = started ? 1 : 0;
    const sets = { given: new Set<string>(), dedup: new Set<number>() };
    const states = { stirred: false, settled: false, quarantined: false, placed: null };
    this.#known.set(id, { id, key, limited, dueAt, fence, ...states, ...sets });
    if (key !== null) this.#keys.set(key, id);
    if (!started || player === null) return;
    const { priority } = this.#stage.actor();
    const { def, queue } = this.#stage;
    player.held.set(id, { id, def, queue, priority, fence, seq: 0, pokes: 0, dueRowAt: null, mail: [] });
  }

  async #send({ to, dedup }: Extract<Move, { kind: 'send' }>): Promise<void> {
    const known = pick([...this.#known.values()], to);
    if (known === undefined) return;
    const event = this.#letter();
    const { items } = await this.#stage.send(known.id, event, dedup === null ? null : `d${dedup}`);
    if (known.settled) return expect(items).toEqual(['settled']);
    const seen = dedup !== null && known.dedup.has(dedup);
    expect(items).toEqual([seen ? 'duplicate' : 'stored']);
    if (seen) return;
    if (dedup !== null) known.dedup.add(dedup);
    this.#give(known, event);
  }

  async #claim(
    { worker, held }: Player,
    { slots, suspect, oldestFirst }: Pick<Extract<Move, { kind: 'claim' }>, 'slots' | 'suspect' | 'oldestFirst'>,
  ): Promise<void> {
    const { claimed, now } = await worker.claim({ slots, suspect, oldestFirst });
    expect(claimed.length).toBeLessThanOrEqual(this.#paused ? 0 : slots);
    expect(claimed.filter((actor) => actor.strikes >= 2).length).toBeLessThanOrEqual(suspect ? 1 : 0);
    for (const actor of claimed) {
      const known = this.#known.get(actor.id);
      if (known === undefined) throw new Error(`${actor.id} was claimed but never acknowledged`);
      expect([known.settled, known.quarantined]).toEqual([false, false]);
      expect(actor.fence).toBeGreaterThan(known.fence);
      if (!known.stirred) expect(now).toBeGreaterThanOrEqual(known.dueAt);
      known.fence = actor.fence;
      held.set(actor.id, actor);
    }
  }

  async #turn(
    { worker, held }: Player,
    { pick: which, end, sendTo, spawn }: Extract<Move, { kind: 'turn' }>,
  ): Promise<void> {
    const mine = pick([...held.values()], which);
    if (mine === undefined) return;
    const receiver = sendTo === null ? undefined : pick([...this.#known.values()], sendTo);
    const child = this.#stage.actor();
    const letter = this.#letter();
    const at = (await this.#stage.store.now()) + 700;
    const known = this.#known.get(mine.id) ?? expect.fail('held but never acknowledged');
    const start = end === 'hold' && known.placed !== mine.fence;
    const keys = keysOf({ concurrency: this.#stage.queueName });
    const more = {
      sends: receiver ? [mail(receiver.id, letter)] : [],
      spawns: spawn ? [child] : [],
      place: known.limited ? { keys, start, until: null } : null,
    };
    const { committed, waiting, now } = await worker.commit([{ ...writeOf(mine, end, at), ...more }]);
    if (waiting.has(mine.id)) return this.#waits(known, held);
    if (!committed.has(mine.id)) return this.#reload({ worker, held }, mine);
    if (known.limited) await this.#countPlaces(known, end === 'hold' ? mine.fence : null);

    expect([known.settled, known.quarantined, mine.fence]).toEqual([false, false, known.fence]);
    for (const one of mine.mail) expect(known.given.delete(one.event)).toBe(true);
    if (receiver && !receiver.settled && (receiver !== known || !end.startsWith('settle')))
      this.#give(receiver, letter);
    if (spawn) this.#born({ outcome: 'scheduled', id: child.id, dueAt: now, started: false }, null, null);
    known.settled = end.startsWith('settle');
    known.quarantined = end === 'quarantine';
    if (end === 'settle, free key' && known.key !== null) this.#keys.delete(known.key);
    known.dueAt = { now, later: at }[end as 'now' | 'later'] ?? Number.POSITIVE_INFINITY;
    if (end === 'hold') held.set(mine.id, { ...mine, seq: mine.seq + 1, dueRowAt: null, mail: [] });
    else held.delete(mine.id);
  }

  /** It is claimed again when there is room, or for its mail. */
  #waits(known: Known, held: Player['held']): void {
    expect(known.limited).toBe(true);
    held.delete(known.id);
    known.dueAt = 0;
  }

  async #countPlaces(known: Known, fence: number | null): Promise<void> {
    known.placed = fence;
    const placed = [...this.#known.values()].filter((each) => each.placed !== null);
    const found = await Promise.all(placed.map(({ id }) => this.#stage.store.find(id)));
    const holding = placed.filter((each, index) => found[index]?.worker != null && found[index].fence === each.placed);
    expect(holding.length).toBeLessThanOrEqual(PLACES);
  }

  async #reload({ worker, held }: Pick<Player, 'worker' | 'held'>, mine: Held): Promise<void> {
    const [reloaded] = (await this.#stage.store.reload(worker.id, [mine])).held;
    if (reloaded === undefined) held.delete(mine.id);
    else held.set(mine.id, { ...mine, ...reloaded });
  }

  async #leave(which: number): Promise<void> {
    const player = this.#player(which);
    await player.worker.heartbeat.stop();
    await this.#stage.store.leave(player.worker.id);
    this.#mayBeFree(player);
    const at = this.#players.indexOf(player);
    this.#players[at] = await this.#enter(player.mortal);
  }

  async #pause(paused: boolean): Promise<void> {
    await this.#stage.store.setPaused(this.#stage.queueName, paused);
    this.#paused = paused;
  }

  async #release(which: number): Promise<void> {
    const known = pick([...this.#known.values()], which);
    if (known === undefined) return;
    expect(await this.#stage.store.release(known.id)).toBe(known.quarantined);
    if (known.quarantined) known.dueAt = 0;
    known.quarantined = false;
  }

  /** Everyone leaves, and a new worker settles all there is: each actor exactly once, with all the mail it was given. */
  async finish(): Promise<void> {
    const { store } = this.#stage;
    for (const [index] of this.#players.entries()) await this.#leave(index);
    await this.#pause(false);
    await this.#stage.advance(10_000);
    const open = [...this.#known.values()].filter((known) => !known.settled);
    for (const known of open) {
      if (known.quarantined) expect(await store.release(known.id)).toBe(true);
      known.quarantined = false;
      await this.#send({ kind: 'send', to: [...this.#known.keys()].indexOf(known.id), dedup: null } as const);
    }
    const player = this.#player(0);
    const settle = { kind: 'turn', worker: 0, pick: 0, end: 'settle', sendTo: null, spawn: false } as const;
    for (let round = 0; round < 1_000; round += 1) {
      await this.#claim(player, { slots: 10, suspect: true, oldestFirst: false });
      if (player.held.size === 0) break;
      while (player.held.size > 0) await this.#turn(player, settle);
    }
    for (const known of this.#known.values()) {
      expect((await store.find(known.id))?.status).toBe('done');
      expect(known.settled).toBe(true);
    }
    expect(open.flatMap((known) => [...known.given])).toEqual([]);
    expect((await store.nextDue([this.#stage.queue], [this.#stage.def, this.#hall.def])).due.size).toBe(0);
    for (const { worker } of this.#players) {
      await worker.heartbeat.stop();
      await store.leave(worker.id);
    }
  }

  #player(index: number): Player {
    return this.#players[index] ?? expect.fail(`no player ${index}`);
  }

  /** What it holds may have been freed, and is then due at once. */
  #mayBeFree({ held }: Player): void {
    for (const id of held.keys()) {
      const known = this.#known.get(id);
      if (known) known.dueAt = 0;
    }
  }

  #give(known: Known, event: string): void {
    known.given.add(event);
    known.stirred = true;
  }

  #letter(): string {
    this.#letters += 1;
    return String(this.#letters);
  }

  #key(key: number): KeyClaim {
    const digest = Buffer.alloc(32);
    digest.writeUInt32BE(this.#keyByte + key);
    return { digest, key: `key ${key}`, fingerprint: Buffer.alloc(32, 1), retentionMs: 3_600_000 };
  }
}

function pick<T>(from: readonly T[], which: number): T | undefined {
  return from[which % Math.max(1, from.length)];
}

const writeOf = (held: Held, end: Ending, laterAt: number): ReturnType<typeof goesOn> =>
  ({
    'let go': goesOn(held),
    now: goesOn(held, { wakeAt: 'now' }),
    later: goesOn(held, { wakeAt: laterAt }),
    hold: goesOn(held, { hold: true, strikes: 1 }),
    settle: settles(held),
    'settle, free key': settles(held, { freesKey: true }),
    quarantine: goesOn(held, { quarantine: 'random' }),
  })[end];
