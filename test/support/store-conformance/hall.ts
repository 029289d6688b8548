/** A stage with a definition that has limits, and the writes of runs under them. */
import { v5 } from 'uuid';
import type { Claimed, Continued, NewActor, TurnWrite } from '../../../src/store/contract.ts';
import type { DefinitionLimits, LimitKeys } from '../../../src/store/limits.ts';
import { definition, goesOn, type Held, type Stage, settles, type TestWorker } from './stage.ts';

const ANY = '5f0d6a7e-3f86-4d0b-9a57-6f2b6c1f8f11';

export interface KeyNames {
  readonly concurrency?: string;
  readonly rate?: string;
}

export class Hall {
  readonly stage: Stage;
  readonly def: number;

  private constructor(stage: Stage, def: number) {
    this.stage = stage;
    this.def = def;
  }

  static async open(stage: Stage, limits: Partial<DefinitionLimits>, version = 1): Promise<Hall> {
    return new Hall(stage, await register(stage, limits, version));
  }

  /** As a deploy does. */
  async allow(limits: Partial<DefinitionLimits>, version = 1): Promise<void> {
    await register(this.stage, limits, version);
  }

  actor(names: KeyNames = { concurrency: 'k' }, asked: Partial<NewActor> = {}): NewActor {
    return this.stage.actor({ def: this.def, name: 'limited', limits: keysOf(names), ...asked });
  }

  async add(names?: KeyNames, asked?: Partial<NewActor>): Promise<string> {
    const actor = this.actor(names, asked);
    await this.stage.store.schedule([actor], null);
    return actor.id;
  }

  /** So many, due one after the other and now. */
  async addSeveral(count: number, names?: KeyNames): Promise<string[]> {
    const now = await this.stage.store.now();
    const ids = [];
    for (let n = 0; n < count; n += 1) ids.push(await this.add(names, { when: { at: now + n } }));
    await this.stage.advance(count);
    return ids;
  }

  worker(asked: Parameters<Stage['worker']>[0] = {}): Promise<TestWorker> {
    return this.stage.worker({ defs: [this.def], ...asked });
  }

  /** Claims what is due and starts what may; the ids of those that did, and of those that wait. */
  async run(worker: TestWorker, asked: Parameters<TestWorker['claim']>[0] = {}): Promise<Ran> {
    const { claimed } = await worker.claim(asked);
    const { committed, waiting, queues, later } = await worker.commit(claimed.map((held) => starts(held)));
    return {
      started: claimed.filter(({ id }) => committed.has(id)).map((held) => ({ ...held, seq: held.seq + 1, mail: [] })),
      waiting: claimed.filter(({ id }) => waiting.has(id)).map(({ id }) => id),
      queues,
      later,
    };
  }
}

interface Ran {
  readonly started: readonly Claimed[];
  readonly waiting: readonly string[];
  readonly queues: readonly number[];
  readonly later: readonly { readonly queue: number; readonly at: number }[];
}

async function register(stage: Stage, limits: Partial<DefinitionLimits>, version: number): Promise<number> {
  const all = { concurrency: null, rate: null, ...limits };
  const [def = 0] = await stage.store.registerDefinitions([{ ...definition('limited', version), limits: all }]);
  return def;
}

export function keysOf({ concurrency, rate }: KeyNames): LimitKeys {
  const key = (kind: string, name: string | undefined): LimitKeys['rate'] =>
    name === undefined ? null : { id: v5(`${kind} ${name}`, ANY), key: name };
  return { concurrency: key('concurrency', concurrency), rate: key('rate', rate) };
}

type Limited = Held & Pick<Claimed, 'limits'>;

function placeOf({ limits }: Limited, start: boolean, until: number | null = null): Pick<TurnWrite, 'place'> {
  return { place: limits && { keys: limits, start, until } };
}

/** An attempt begins. */
export function starts(held: Limited, until: number | null = null): TurnWrite {
  return goesOn(held, { hold: true, strikes: 1 }, placeOf(held, true, until));
}

/** It lives on, but nothing of it runs. */
export function letsGo(held: Limited, next: Partial<Continued> = {}): TurnWrite {
  return goesOn(held, next, placeOf(held, false));
}

export function ends(held: Limited): TurnWrite {
  return settles(held, {}, placeOf(held, false));
}
