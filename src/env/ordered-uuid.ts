/**
 * Ids that sort in the order in which this process made them. The library makes them; it asks the system for randomness every
 * sixteen ids, which takes four times as long as the rest, and forgets the order when it is handed any, so both are kept here.
 */
import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const ID_BYTES = 16;
const POOL_BYTES = 512 * ID_BYTES;
const SEQUENCES = 2 ** 31;

/** `wallMs`: the clock whose time the ids begin with. Where it stands still or goes back, they count on from where they were. */
export function orderedUuids(wallMs: () => number): () => string {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  let msecs = Number.NEGATIVE_INFINITY;
  let seq = 0;
  return () => {
    if (used === POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const random = pool.subarray(used, used + ID_BYTES);
    used += ID_BYTES;
    const now = wallMs();
    if (now > msecs) {
      msecs = now;
      // Anywhere in the lower half: there is room to count on.
      seq = new DataView(random.buffer, random.byteOffset).getUint32(6) >>> 2;
    } else if (++seq === SEQUENCES) {
      msecs += 1;
      seq = 0;
    }
    return v7({ random, msecs, seq });
  };
}
