/** In the order they are measured and shown. */
import { drainByOne, drainByTwo, drainManyByOne, drainManyByTwo } from './drain.ts';
import { history } from './history.ts';
import { latency } from './latency.ts';
import { million } from './million.ts';
import { pinned } from './pinned.ts';
import { replay } from './replay.ts';
import type { Row } from './row.ts';
import { singles } from './singles.ts';
import { sustained } from './sustained.ts';
import { takeover } from './takeover.ts';
import { herd, timers } from './timers.ts';

export const rows: readonly Row[] = [
  drainByOne,
  drainByTwo,
  drainManyByOne,
  drainManyByTwo,
  pinned,
  singles,
  latency,
  timers,
  herd,
  replay,
  takeover,
  sustained,
  million,
  history,
];
