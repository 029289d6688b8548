#!/usr/bin/env node
/** The `carillon` program. */
import { run } from './program.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `carillon ls | head` closes the pipe once it has seen enough.
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

process.exitCode = await run(process.argv.slice(2));
