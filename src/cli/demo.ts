/** `carillon demo`: real work, a worker killed in the middle of it, and what became of everything. */
import type { Command } from 'commander';
import { readExamples } from './config.ts';
import { UsageError } from './usage.ts';

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('watch jobs run, fail, wait and survive the death of their worker; needs nothing but Node')
    .option('--keep', 'leave Postgres and a worker running, to look around')
    .addHelpText('after', '\nExample:\n  $ carillon demo --keep')
    .action(async ({ keep = false }: { readonly keep?: boolean }) => {
      const { runDemo } = await loadDemo();
      process.exitCode = await runDemo({ keep });
    });
}

/** Loaded only when asked for: it runs the examples, and they import what Carillon itself does not need. */
async function loadDemo(): Promise<typeof import('./demo/run-demo.ts')> {
  await readExamples();
  try {
    return await import('./demo/run-demo.ts');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UsageError(`The demo runs the examples, which need zod. Install it: npm install zod. (${String(error)})`);
  }
}
