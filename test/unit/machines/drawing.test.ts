import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { jobMachine } from '../../../machines/job.ts';
import { drawMachines } from '../../../scripts/draw-machines.ts';

test('docs/machines.md shows the machines as they are: `npm run draw` would not change it', async () => {
  const page = await readFile(new URL('../../../docs/machines.md', import.meta.url), 'utf8');
  expect(page).toBe(await drawMachines());
  const job = page.split('\n## ').find((section) => section.startsWith('job\n')) ?? '';
  for (const state of Object.keys(jobMachine.states)) expect(job).toContain(` --> ${state} : `);
  expect(job).toContain('dispatching --> retrying : run error [retriesLeft]');
});
