/**
 * Groups of rows that share a statement: bounded by rows and bytes, and halved when one value in them is refused, so that
 * only its own caller hears of it.
 */
import { blamesValue, isInTheWay } from './sqlstate.ts';

const MAX_ROWS = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;

/** Cuts a list into pieces that one statement may carry, in order. `sizeOf` may estimate. */
export function inPieces<T>(items: readonly T[], sizeOf: (item: T) => number): readonly (readonly T[])[] {
  const pieces: T[][] = [];
  let piece: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (piece.length > 0 && (piece.length >= MAX_ROWS || bytes + size > MAX_BYTES)) {
      pieces.push(piece);
      piece = [];
      bytes = 0;
    }
    piece.push(item);
    bytes += size;
  }
  if (piece.length > 0) pieces.push(piece);
  return pieces;
}

/** Writes a group; what cannot be written is found by halving and handed to `alone`, with the error it met there. */
export async function bisected<T>(
  items: readonly T[],
  write: (items: readonly T[]) => Promise<void>,
  alone: (item: T, error: Error) => void | Promise<void>,
): Promise<void> {
  if (items.length === 0) return;
  try {
    await write(items);
  } catch (error) {
    if (!(error instanceof Error && (blamesValue(error) || isInTheWay(error)))) throw error;
    const [first] = items;
    if (items.length === 1 && first !== undefined) return alone(first, error);
    const middle = Math.ceil(items.length / 2);
    await bisected(items.slice(0, middle), write, alone);
    await bisected(items.slice(middle), write, alone);
  }
}

/** A text array inside an array parameter: Postgres has no ragged arrays, so the inner one travels as text. */
export function textArray(texts: readonly string[]): string {
  if (texts.length === 0) return '{}';
  return `{${texts.map((text) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`;
}
