/**
 * Each mechanism behind a guarantee, taken away on purpose, and the test that must then go red. `npm run test:breaks` does it in
 * a copy of the project; docs/guarantees.md tells what it came to.
 */

export interface Break {
  /** Of docs/guarantees.md. */
  readonly guarantee: number;
  /** What is gone. */
  readonly without: string;
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
  readonly project: 'unit' | 'integration' | 'faults';
  readonly file: string;
  /** Of the test, or what its title begins with. */
  readonly title: string;
}

const TURNS = 'src/store/postgres/turns.ts';
const SETTLED = 'src/store/postgres/settled.ts';
const CLAIM_PARTS = 'src/store/postgres/claim-parts.ts';
const LEASES = 'src/store/postgres/leases.ts';
const HELD = 'src/worker/held.ts';
const UPKEEP = 'src/sweep/upkeep.ts';
const TURN_WRITE = 'src/turn/turn-write.ts';

function inFile(project: Break['project'], file: string): Pick<Break, 'project' | 'file'> {
  return { project, file };
}

const CONFORMANCE = inFile('integration', 'test/integration/store/conformance.test.ts');

const MATCH = 'a.worker = $1 and a.fence = w.fence and a.seq = w.seq';

function edit(file: string, find: string, replace: string): Break['edits'][number] {
  return { file, find, replace };
}

export const breaks: readonly Break[] = [
  {
    guarantee: 1,
    without: 'the due row of what a dead worker held',
    edits: [
      edit(
        LEASES,
        'select queue, lane, least(wake_at, carillon.now()), id, def from freed\n',
        'select queue, lane, least(wake_at, carillon.now()), id, def from freed where false\n',
      ),
    ],
    ...CONFORMANCE,
    title: 'what it held is free, due now, and beyond its reach',
  },
  {
    guarantee: 1,
    without: 'the wait for the disk at each commit',
    edits: [
      edit(
        'src/store/postgres/connection.ts',
        'return { connectionString: connection };',
        "return { connectionString: connection, options: '-c synchronous_commit=off' };",
      ),
    ],
    ...inFile('faults', 'test/faults/postgres.test.ts'),
    title: 'crashes and comes back: every run that was promised settles once',
  },
  {
    guarantee: 2,
    without: 'the fence in the compare-and-set of turns',
    edits: [edit(TURNS, MATCH, 'a.worker = $1 and a.seq = w.seq')],
    ...CONFORMANCE,
    title: 'a turn with an older fence writes nothing at all',
  },
  {
    guarantee: 2,
    without: 'the fence in the compare-and-set of settling',
    edits: [edit(SETTLED, MATCH, 'a.worker = $1 and a.seq = w.seq')],
    ...CONFORMANCE,
    title: 'a settle with an older fence writes nothing at all',
  },
  {
    guarantee: 2,
    without: 'the seq in the compare-and-set',
    edits: [edit(TURNS, MATCH, 'a.worker = $1 and a.fence = w.fence')],
    ...CONFORMANCE,
    title: 'a turn with an older seq writes nothing at all',
  },
  {
    guarantee: 2,
    without: 'any check of what a worker that lost its lease writes',
    edits: [edit(TURNS, `${MATCH}\n`, 'true\n'), edit(SETTLED, `${MATCH}\n`, 'true\n')],
    ...inFile('faults', 'test/faults/freeze.test.ts'),
    title: 'with a clock that stood still too, so that it trusts its lease: its write is refused by the fence',
  },
  {
    guarantee: 2,
    without: 'the raised fence of a run that begins again',
    edits: [edit('src/store/postgres/retry.ts', 'g.fence + 1, g.seq', 'g.fence, g.seq')],
    ...CONFORMANCE,
    title: 'the fence only ever grows, over any number of lives',
  },
  {
    guarantee: 3,
    without: 'the order of commit and start',
    edits: [
      edit(
        HELD,
        'if (turn.starts.length > 0 && needsNoWrite) this.#start(turn);',
        'if (turn.starts.length > 0) this.#start(turn);',
      ),
      edit(HELD, 'const needsNoWrite = this', 'void this'),
    ],
    ...inFile('unit', 'test/unit/held.test.ts'),
    title: 'effects start only after the write that starts them',
  },
  {
    guarantee: 3,
    without: 'an effect id that stays the same over attempts',
    edits: [edit('src/effects.ts', 'return this.#effect.id;', 'return `${this.#effect.id}/${this.attempt}`;')],
    ...inFile('faults', 'test/faults/crash.test.ts'),
    title: 'in its handler: the handler begins again elsewhere under the same idempotency key',
  },
  {
    guarantee: 4,
    without: 'the key that a settle frees',
    edits: [edit(SETTLED, 'where o.key_digest is not null and o.frees_key and c.digest', 'where false and c.digest')],
    ...CONFORMANCE,
    title: 'a settle that frees the key makes room at once',
  },
  {
    guarantee: 4,
    without: 'the record that a settle copies into the key',
    edits: [edit(SETTLED, 'where o.key_digest is not null and not o.frees_key', 'where false and not o.frees_key')],
    ...CONFORMANCE,
    title: 'a key of a settled run answers with its record until the retention has passed',
  },
  {
    guarantee: 4,
    without: 'the letter of a settle to the parent',
    edits: [
      edit(TURN_WRITE, 'if (settlement) return [letterTo(parent', 'if (settlement && !parent) return [letterTo(parent'),
    ],
    ...inFile('integration', 'test/integration/scheduler/order-flow.test.ts'),
    title: 'an order is charged, reserved and shipped',
  },
  {
    guarantee: 5,
    without: 'the due row of an actor that is let go',
    edits: [edit(TURNS, 'from turned where wake_at is not null', 'from turned where false')],
    ...CONFORMANCE,
    title: 'let go with a wake time, it is due then and not before',
  },
  {
    guarantee: 5,
    without: 'the pokes in the compare-and-set',
    edits: [edit(TURNS, '      and (w.pokes is null or a.pokes = w.pokes)\n', '')],
    ...CONFORMANCE,
    title: 'a turn with other pokes writes nothing at all',
  },
  {
    guarantee: 5,
    without: 'the bound that keeps a next time out of the past',
    edits: [
      edit(
        TURNS,
        'greatest(clock.now, coalesce(to_timestamp(u.wake_ms / 1000.0), clock.now))',
        'coalesce(to_timestamp(u.wake_ms / 1000.0), clock.now)',
      ),
    ],
    ...CONFORMANCE,
    title: 'a wake time of an instant that has passed is the store',
  },
  {
    guarantee: 5,
    without: 'the sweep',
    edits: [edit(UPKEEP, 'if (at <= now + 2 * sweepIntervalMs) worker?.expect(at);', 'void [at, now, worker];')],
    ...inFile('unit', 'test/unit/unannounced.test.ts'),
    title:
      'what a process scheduled and could tell nobody of, because it died, starts within one interval of the sweep',
  },
  {
    guarantee: 5,
    without: 'the look whether an actor changed since its claim began',
    edits: [edit(CLAIM_PARTS, '`age(a.xmin) > (select horizon.age from horizon)`', "'true'")],
    ...inFile('integration', 'test/integration/store/claim-races.test.ts'),
    title: 'an actor that changed since the claim began stays due, and is taken by a claim that sees it as it is',
  },
  {
    guarantee: 5,
    without: 'the look from the start of a queue',
    edits: [
      edit('src/store/postgres/low-water.ts', 'this.#env.monotonicMs() - this.#startedAtMs >= this.#everyMs', 'false'),
    ],
    ...inFile('integration', 'test/integration/store/low-water.test.ts'),
    title: 'a row whose transaction took longer than all of them is found, although nobody says so',
  },
  {
    guarantee: 6,
    without: 'the clock of the store in the claim',
    edits: [
      edit(CLAIM_PARTS, 'and d.due_at <= carillon.now() $', "and d.due_at <= carillon.now() + interval '5 ms' $"),
    ],
    ...CONFORMANCE,
    title: 'a delay counts from the store clock and ends not a millisecond early',
  },
  {
    guarantee: 6,
    without: 'the check of a timer by the clock of the store',
    edits: [edit(TURNS, 'and (w.not_before is null or to_timestamp(w.not_before / 1000.0) <= w.now)', '')],
    ...CONFORMANCE,
    title: 'a turn before its latest timer misses and is committed from that instant on',
  },
  {
    guarantee: 7,
    without: 'the whole day that a part of a day counts as',
    edits: [
      edit(SETTLED, 'Math.ceil(Math.max(0, keepMs) / MS_PER_DAY)', 'Math.floor(Math.max(0, keepMs) / MS_PER_DAY)'),
    ],
    ...inFile('integration', 'test/integration/store/days.test.ts'),
    title: 'a row is kept until the end of its day: a part of a day counts as one',
  },
  {
    guarantee: 7,
    without: 'the counters of what was pruned',
    edits: [edit('src/store/postgres/pruned.ts', 'sum(c.n), carillon.now()', '0, carillon.now()')],
    ...CONFORMANCE,
    title: 'keeps what is inside its retention, lets go of what is not, and counts it',
  },
  {
    guarantee: 8,
    without: 'the one order of active states',
    edits: [
      edit(
        'src/interpreter/canonical.ts',
        'const nodes = byOrder(resolved._nodes);',
        'const nodes = [...resolved._nodes].reverse();',
      ),
    ],
    ...inFile('unit', 'test/unit/interpreter/random-machines.test.ts'),
    title: 'random machines do the same in memory and through text',
  },
  {
    guarantee: 8,
    without: 'the journal entry of a start that was interrupted',
    edits: [
      edit(
        'src/turn.ts',
        "this.mark({ type: 'carillon.interrupted', effect: effect.id }, now, ['interrupted', effect.ref]);",
        'void now;',
      ),
    ],
    ...inFile('unit', 'test/unit/simulation.test.ts'),
    title: 'in 60 seeded runs nothing is lost',
  },
  {
    guarantee: 8,
    without: 'the look at the output, which only the record has',
    edits: [edit('src/replay/fold.ts', '(ended ? this.#inOutput(', '(false ? this.#inOutput(')],
    ...inFile('integration', 'test/integration/scheduler/replay.test.ts'),
    title: 'an output that comes out otherwise is found in the record it is compared with',
  },
  {
    guarantee: 9,
    without: 'the fence around one actor’s errors',
    edits: [
      edit(
        HELD,
        'this.#proceed(happening);\n    } catch (error) {\n      this.#setAside(cannotGoOn(error));',
        'this.#proceed(happening);\n    } catch (error) {\n      throw error;',
      ),
    ],
    ...inFile('unit', 'test/unit/held.test.ts'),
    title: 'a letter that cannot be read sets its actor aside, and throws at nobody',
  },
  {
    guarantee: 9,
    without: 'the care for a row that cannot be read',
    edits: [edit('src/worker/intake.ts', 'this.#setAside(claimed, worker, error as Error);', 'throw error;')],
    ...inFile('faults', 'test/faults/killer.test.ts'),
    title: 'rows that nothing can read are quarantined with the reason, and released they go on once repaired',
  },
  {
    guarantee: 10,
    without: 'the hand-back of what does not end in time',
    edits: [edit('src/worker.ts', '    this.#roster.handBack();\n', '')],
    ...inFile('integration', 'test/integration/scheduler/lifecycle.test.ts'),
    title: 'stop hands back what does not finish in time, and it runs elsewhere without spending a retry',
  },
  {
    guarantee: 11,
    without: 'the owner in the release of a key',
    edits: [
      edit(
        SETTLED,
        'o.key_digest is not null and o.frees_key and c.digest = o.key_digest and c.actor = o.id',
        'o.key_digest is not null and o.frees_key and c.digest = o.key_digest',
      ),
    ],
    ...CONFORMANCE,
    title: 'is free at once, and its old holder touches the new claim neither by its drop',
  },
  {
    guarantee: 11,
    without: 'the fingerprint of the input under a key',
    edits: [edit('src/idempotency-key.ts', "return digest(name, input ?? '');", "return digest(name, input && '');")],
    ...inFile('integration', 'test/integration/scheduler/idempotency.test.ts'),
    title: 'the same key with another input, or for another job, is a conflict that names the run',
  },
  {
    guarantee: 12,
    without: 'the lock of a line while its places are counted',
    edits: [edit('src/store/postgres/places.ts', 'select pg_advisory_xact_lock(line.key)', 'select line.key')],
    ...CONFORMANCE,
    title: 'of many workers that start at once, no more get in than there are places',
  },
];
