/** What commands write to standard output: lines, tables, or exactly one JSON document and nothing else. */
import Table from 'cli-table3';
import colors from 'picocolors';

export function printLine(text = ''): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, null, 2));
}

export function printHeading(text: string): void {
  printLine();
  printLine(colors.bold(text));
}

/** Rows under a head, without borders, so that they can be cut with awk. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[], indent = 0): string {
  const table = new Table({ head: head.map((title) => colors.dim(title)), chars: BORDERLESS, style: STYLE });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => ' '.repeat(indent) + line.trimEnd())
    .join('\n');
}

export function printTable(head: readonly string[], rows: readonly (readonly string[])[], indent = 0): void {
  printLine(tableText(head, rows, indent));
}

/** Names and values in two columns. */
export function printFacts(facts: readonly (readonly [name: string, value: string])[]): void {
  const width = Math.max(0, ...facts.map(([name]) => name.length));
  for (const [name, value] of facts) printLine(`  ${colors.dim(name.padEnd(width))}  ${value}`);
}

const STYLE = { head: [], border: [], 'padding-left': 0, 'padding-right': 2 };
const BORDERLESS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};
