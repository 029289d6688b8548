/**
 * Time-ordered UUIDs (version 7): 48 bits of time, 26 that count up within a millisecond from a random beginning, 48 random. An id
 * made by this process is greater than all it made before. Randomness is drawn for many at once: one by one, that is most of
 * what an id costs.
 */
import { randomFillSync } from 'node:crypto';

const RANDOM_BYTES = 6;
const COUNTS = 2 ** 26;

const pool = Buffer.allocUnsafe(512 * RANDOM_BYTES);
/** The pool as text, and how much of it is used up. */
let drawn = '';
let used = 0;

let lastMs = Number.NEGATIVE_INFINITY;
let timeText = '';
let count = 0;

export function uuidV7(wallMs: number): string {
  if (wallMs > lastMs) begin(wallMs);
  else if (++count >= COUNTS) begin(lastMs + 1);
  const high = (0x7000 | (count >>> 14)).toString(16);
  const low = (0x8000 | (count & 0x3fff)).toString(16);
  return `${timeText}-${high}-${low}-${randomText()}`;
}

/** The upper half of the counts is left, so that there is room for all ids of a millisecond. */
function begin(ms: number): void {
  lastMs = ms;
  const text = ms.toString(16).padStart(12, '0');
  timeText = `${text.slice(0, 8)}-${text.slice(8)}`;
  count = Number.parseInt(randomText().slice(0, 7), 16) & (COUNTS / 2 - 1);
}

function randomText(): string {
  if (used >= drawn.length) {
    drawn = randomFillSync(pool).toString('hex');
    used = 0;
  }
  used += 2 * RANDOM_BYTES;
  return drawn.slice(used - 2 * RANDOM_BYTES, used);
}
