/** docs/guarantees.md and the list of breaks say the same, and neither names what is not there. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { breaks } from './guarantees/breaks.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

test('every break still finds what it takes away', () => {
  for (const { without, edits } of breaks) {
    for (const { file, find } of edits) expect(read(file).split(find), `${without}: ${file}`).toHaveLength(2);
  }
});

test('the page has a line for every break, in order, and no other', () => {
  const lines = read('docs/guarantees.md')
    .split('## What turns red')[1]
    ?.split('\n')
    .filter((line) => /^\| \d/.test(line));
  expect(lines).toEqual(
    breaks.map(({ guarantee, without, file, title }) => `| ${guarantee} | ${without} | ${title} (\`${file}\`) |`),
  );
});

test('every guarantee has a break', () => {
  const numbers = [
    ...read('docs/guarantees.md')
      .split('## What turns red')[0]!
      .matchAll(/^\| (\d+) \|/gm),
  ].map(([, n]) => Number(n));
  expect([...new Set(breaks.map(({ guarantee }) => guarantee))]).toEqual(numbers);
});
