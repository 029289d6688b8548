/** Definitions with their populations: how many actors are in each state, and what became of those that settled. */

import { activeStates } from '../inspect/active-states.ts';
import type { ChartPictures } from '../inspect/chart-pictures.ts';
import type { Insight } from '../scheduler/insight.ts';
import type { DefinitionRecord, Population, SettledLately } from '../store/surveying.ts';
import { LATELY_MS, stateValue } from './overview.ts';
import type { ChartReply, DefinitionDetail, DefinitionRow } from './wire.ts';

export interface Survey {
  readonly definitions: readonly DefinitionRecord[];
  readonly population: Population;
  readonly lately: SettledLately;
}

export async function survey(insight: Insight): Promise<Survey> {
  const [definitions, population, lately] = await Promise.all([
    insight.definitions(),
    insight.population(),
    insight.settledLately(LATELY_MS),
  ]);
  return { definitions, population, lately };
}

export function definitionRows(found: Survey): readonly DefinitionRow[] {
  return found.definitions.map((definition) => rowOf(found, definition));
}

function rowOf(
  { population, lately }: Survey,
  { id, name, version, kind, registeredAt }: DefinitionRecord,
): DefinitionRow {
  const mine = population.counts.filter(({ def }) => def === id);
  const sum = (counts: readonly { readonly count: number }[]): number =>
    counts.reduce((total, { count }) => total + count, 0);
  const ended = (status: 'done' | 'dropped'): number =>
    sum(lately.counts.filter((each) => each.def === id && each.status === status));
  return {
    name,
    version,
    kind,
    registeredAt,
    active: { count: sum(mine.filter(({ quarantined }) => !quarantined)), exact: population.exact },
    quarantined: sum(mine.filter(({ quarantined }) => quarantined)),
    done: ended('done'),
    dropped: ended('dropped'),
  };
}

/** Null: there is no such definition. */
export function definitionDetail(found: Survey, name: string, version: number): DefinitionDetail | null {
  const definition = find(found.definitions, name, version);
  if (!definition) return null;
  const states = new Map<string, number>();
  const add = (state: string | null, count: number): void => {
    for (const path of activeStates(stateValue(state))) states.set(path, (states.get(path) ?? 0) + count);
  };
  const { population, lately } = found;
  for (const { def, state, count, quarantined } of population.counts)
    if (def === definition.id && !quarantined) add(state, count);
  for (const { def, state, count } of lately.counts) if (def === definition.id) add(state, count);
  return {
    ...rowOf(found, definition),
    population: [...states].map(([state, count]) => ({ state, count, exact: population.exact })),
  };
}

/** Null: there is no such definition. */
export async function readChartOf(
  insight: Insight,
  pictures: ChartPictures,
  name: string,
  version: number,
): Promise<ChartReply | null> {
  const definition = find(await insight.definitions(), name, version);
  if (!definition) return null;
  const picture = await pictures.of(definition.chart, `Statechart of ${name}, version ${version}`);
  return { chart: picture?.chart ?? null, drawing: picture?.drawing ?? null };
}

function find(all: readonly DefinitionRecord[], name: string, version: number): DefinitionRecord | undefined {
  return all.find((definition) => definition.name === name && definition.version === version);
}
