/**
 * What would become of what is alive, and of what is remembered, under a definition that is not deployed yet. Reads only: actors by
 * keyset, in batches, and a few of their pasts, which are taken again.
 */

import { internalsOf } from '../definitions.ts';
import { InvalidOptionError } from '../errors.ts';
import { misfits } from '../interpreter/index.ts';
import { type Past, pastOf } from '../replay/past.ts';
import { repeatedly, replayPast } from '../replay.ts';
import type { CheckOptions } from '../scheduler/call-options.ts';
import type { ListFilter, Store, StoredActor } from '../store/contract.ts';
import { type Heir, takenOver, unsteady } from '../turn/succession.ts';
import { type PreparedDefinition, prepareDefinition } from './loaded-definition.ts';
import type { AnyDefinition } from './typed-name.ts';

/** What a definition would make of what there is. */
export interface CompatibilityReport {
  /** Live actors of that name, quarantined ones among them. */
  readonly checked: number;
  /** Go on as they are. */
  readonly fitting: number;
  /** Go on by its `migrate()`. */
  readonly migrating: number;
  /** Would be set aside, or would wait for a newer version: the first thousand of them. */
  readonly failing: readonly FailingActor[];
  readonly failed: number;
  /** Pasts of active and settled actors that were taken again. */
  readonly replayed: number;
  /** Those that came out differently: its machine reads a clock, draws randomness, or changed under the same version. */
  readonly diverging: readonly DivergingActor[];
  /** What looks wrong in its statechart, with the path of the state. */
  readonly warnings: readonly string[];
}

export interface FailingActor {
  readonly id: string;
  readonly version: number;
  readonly reason: string;
}

export interface DivergingActor extends FailingActor {
  readonly seq: number;
  /** `state`, or a path in the snapshot. */
  readonly path: string;
}

const BATCH = 500;
const MOST_LISTED = 1000;

type Fate = 'fitting' | 'migrating' | { readonly reason: string };

export async function checkLive(
  store: Store,
  definition: AnyDefinition,
  options: CheckOptions & { readonly sample: number },
): Promise<CompatibilityReport> {
  const { name } = internalsOf(definition);
  const { kept = [], sample } = options;
  const all = [definition, ...kept].map((each) => prepareDefinition(internalsOf(each)));
  const stranger = all.find(({ internals }) => internals.name !== name);
  if (stranger)
    throw new InvalidOptionError('kept', `must be versions of '${name}', not of '${stranger.internals.name}'.`);
  const [newest, ...others] = all as [PreparedDefinition, ...PreparedDefinition[]];
  const judgeOf = (version: number): PreparedDefinition =>
    others.find(({ internals }) => internals.version === version) ?? newest;
  const tally = { checked: 0, fitting: 0, migrating: 0, failed: 0 };
  const failing: FailingActor[] = [];
  const sampled: StoredActor[] = [];
  for (const status of ['active', 'quarantined'] as const) {
    for await (const actors of batches(store, { name, status, limit: BATCH })) {
      for (const actor of actors) {
        tally.checked += 1;
        const fate = fateOf(actor, judgeOf(actor.version));
        if (typeof fate === 'string') tally[fate] += 1;
        else {
          tally.failed += 1;
          if (failing.length < MOST_LISTED) failing.push({ id: actor.id, version: actor.version, reason: fate.reason });
        }
      }
      sampled.push(...actors.slice(0, Math.ceil(sample / 2) - sampled.length));
      options.onProgress?.(tally.checked);
    }
  }
  for (const status of ['dropped', 'done'] as const) {
    const limit = Math.ceil((sample - sampled.length) / (status === 'dropped' ? 2 : 1));
    if (limit > 0) sampled.push(...(await store.list({ name, status, limit })).items);
  }
  const diverging: DivergingActor[] = [];
  for (const actor of sampled) {
    const past = pastOf(actor, actor.spilled ? await store.journal(actor.id) : []);
    const found = divergence(past, judgeOf(actor.version));
    if (found) diverging.push(found);
  }
  return { ...tally, failing, replayed: sampled.length, diverging, warnings: newest.prepared.findings };
}

async function* batches(store: Store, filter: ListFilter): AsyncGenerator<readonly StoredActor[]> {
  for (let cursor: string | undefined; ; ) {
    const page = await store.list({ ...filter, ...(cursor !== undefined && { cursor }) });
    yield page.items;
    if (page.cursor === undefined) return;
    cursor = page.cursor;
  }
}

function fateOf({ version, snapshot }: StoredActor, { internals, prepared, delegates }: PreparedDefinition): Fate {
  const heir: Heir = { ...internals, prepared, delegates };
  if (version > heir.version)
    return {
      reason: `it lives by version ${version}, and no actor goes back to version ${heir.version}: it would wait`,
    };
  // One that has not begun begins with whatever version there is.
  if (snapshot === null) return 'fitting';
  if (version === heir.version) {
    const problems = misfits(prepared, snapshot);
    return problems.length === 0 ? 'fitting' : { reason: problems.join('; ') };
  }
  try {
    takenOver({ version, snapshot }, heir);
    const reason = heir.migrate ? unsteady({ version, snapshot }, heir) : null;
    return reason === null ? (heir.migrate ? 'migrating' : 'fitting') : { reason };
  } catch (error) {
    return { reason: (error as Error).message };
  }
}

/** First against itself, then, where it was lived by this very version, against what was stored. */
function divergence(past: Past, { internals, prepared }: PreparedDefinition): DivergingActor | null {
  const { id, version } = past;
  const livedBy = () => ({ internals, prepared });
  const unequal = repeatedly(past, livedBy);
  if (unequal) {
    const reason = 'taken twice, this step came out differently: the machine reads a clock or draws randomness';
    return { id, version, seq: unequal.seq, path: unequal.path, reason };
  }
  if (version !== internals.version) return null;
  const { firstDifference } = replayPast(past, (lived) => (lived === version ? livedBy() : undefined));
  if (!firstDifference) return null;
  const reason =
    'this step does not give what was stored: the machine reads a clock or draws randomness, or it was changed without a new version';
  return { id, version, seq: firstDifference.seq, path: firstDifference.path, reason };
}
