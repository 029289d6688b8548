/** How long a run stands still when its worker is killed. `bench/takeover.ts` measures it; this row asks it. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Row } from './row.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../takeover.ts');

export const takeover: Row = {
  name: 'takeover',
  againWithFuture: false,
  once: true,
  slow: true,
  carillonOnly: 'not measured',
  figures: () => [
    { key: 'p50', title: 'SIGKILL of a worker to start in another, p50', unit: 'ms', better: 'less' },
    { key: 'max', title: 'SIGKILL of a worker to start in another, max', unit: 'ms', better: 'less' },
  ],
  async run({ env, sizes }) {
    const { REDIS_URL: _redis, ...surroundings } = process.env;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), PROGRAM, '--kills', String(sizes.kills)],
      { env: { ...surroundings, ...env }, timeout: 60_000 + sizes.kills * 30_000 },
    );
    const [, p50, , max] = /: ([\d.]+) \/ ([\d.]+) \/ ([\d.]+) ms/.exec(stdout) ?? [];
    if (max === undefined) throw new Error(`bench/takeover.ts said: ${stdout.trim()}`);
    return { p50: Number(p50), max: Number(max) };
  },
};
