/** The comparison for a terminal, and for `bench/RESULTS.md`. */
import Table from 'cli-table3';
import type { Circumstances } from './circumstances.ts';
import { type Comparison, type Line, writtenRatio } from './comparison.ts';
import { count } from './rows/row.ts';
import type { Sizes } from './sizes.ts';
import type { BenchedSystem } from './systems.ts';

export interface Results {
  readonly comparisons: readonly Comparison[];
  readonly systems: readonly BenchedSystem[];
  readonly sizes: Sizes;
  readonly rounds: number;
  readonly circumstances: Circumstances;
  /** How the bench was called. */
  readonly command: string;
}

export function asText({ comparisons, systems, sizes, circumstances }: Results): string {
  const parts = comparisons.map(({ store, lines, notes }) => {
    const table = new Table({ head: heads(storeTitle(store, sizes), systems), style: { head: [], border: [] } });
    for (const line of lines) table.push(cellsOf(line, systems));
    return [table.toString(), ...notes.map((note) => `! ${note}`)].join('\n');
  });
  const { machine, node, postgres, redis } = circumstances;
  return [...parts, `${machine}\nNode ${node}\nPostgres ${postgres}\nRedis ${redis}`, RATIO].join('\n');
}

export function asMarkdown(results: Results, date: Date): string {
  const { comparisons, systems, sizes, rounds, circumstances, command } = results;
  const { machine, node, postgres, redis, commit } = circumstances;
  return `# What Carillon and its peers reached

\`${command}\`, ${date.toISOString().slice(0, 10)}, commit ${commit}, ${rounds === 1 ? 'one round' : `${rounds} rounds`}. Written by the bench; run it yourself: numbers of
another machine say little, the ratios more. Medians, with the range of the rounds. ${RATIO}

| | |
|---|---|
| Machine | ${machine} |
| Node | ${node} |
| Postgres | ${postgres} |
| Redis | ${redis} |
${circumstances.systems.map(({ title, version, settings }) => `| ${[title, version].join(' ').trim()} | ${settings.join('; ')} |`).join('\n')}

Everything shares the machine. One system at a time, by turns within each round, a \`CHECKPOINT\` and an empty database before each
repetition. Handlers do nothing. Every job of every repetition was checked to have run once.

${comparisons.map((comparison) => section(comparison, systems, sizes)).join('\n')}
## Where Carillon is behind

${losses(comparisons, sizes)}

## What else has to be said

${comparisons.flatMap(({ store, notes }) => notes.map((note) => `- ${storeTitle(store, sizes)}: ${note}`)).join('\n') || 'Nothing failed, ran twice, or fired early.'}
`;
}

const RATIO = 'The last column: above 1 Carillon is better than the best peer, below 1 it is worse.';

function section({ store, lines }: Comparison, systems: readonly BenchedSystem[], sizes: Sizes): string {
  const head = heads('', systems);
  const table = [head, head.map(() => '---'), ...lines.map((line) => cellsOf(line, systems))];
  return `## ${storeTitle(store, sizes)}\n\n${table.map((cells) => `| ${cells.join(' | ').replaceAll('\n', ' ')} |`).join('\n')}\n`;
}

function losses(comparisons: readonly Comparison[], sizes: Sizes): string {
  const lost = comparisons.flatMap(({ store, lines }) =>
    lines.flatMap(({ title, unit, ratio }) =>
      ratio === null || ratio.value >= 1
        ? []
        : [
            `- ${title} (${storeTitle(store, sizes).toLowerCase()}): ${ratio.carillon}, ${ratio.peer} ${ratio.best} ${unit}: ${ratio.value.toFixed(2)}×`,
          ],
    ),
  );
  return lost.join('\n') || 'In no row of this run.';
}

function heads(first: string, systems: readonly BenchedSystem[]): string[] {
  return [first, 'unit', ...systems.map(({ title }) => title), 'to the best peer'];
}

function cellsOf(line: Line, systems: readonly BenchedSystem[]): string[] {
  return [line.title, line.unit, ...systems.map(({ name }) => line.cells.get(name) ?? '–'), writtenRatio(line)];
}

function storeTitle(store: Comparison['store'], sizes: Sizes): string {
  return store === 'empty' ? 'On an empty store' : `With ${count(sizes.future)} future jobs stored`;
}
