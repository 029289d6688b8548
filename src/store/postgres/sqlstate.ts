/**
 * The only place that reads SQLSTATEs: which failures say nothing about the outcome, which blame a value, which say "not
 * now". Everything else is a mistake of ours and is thrown on.
 */
import type { DatabaseError } from 'pg';

/** The connection died around the statement: it may or may not have committed. */
export function isConnectionLoss(error: unknown): boolean {
  if (isDatabaseError(error)) return /^(08|57P0[1-5])/.test(error.code ?? '');
  if (!(error instanceof Error)) return false;
  if ('syscall' in error) return true;
  return /^(Connection terminated|Query read timeout|Client has encountered a connection error|Client was closed)/.test(
    error.message,
  );
}

/** Somebody else's transaction was in the way; nothing was written, and the same statement may pass a moment later. */
export function isInTheWay(error: unknown): boolean {
  return isDatabaseError(error) && /^(40001|40P01|55P03)$/.test(error.code ?? '');
}

/** The database refuses a value (text with NUL, a bad UUID, too long for an index): one row is to blame, not the group. */
export function blamesValue(error: unknown): boolean {
  return isDatabaseError(error) && /^(22|23|54)/.test(error.code ?? '');
}

/** A row with that key is there already. */
export function isTaken(error: unknown): boolean {
  return isDatabaseError(error) && error.code === '23505';
}

/** `settled` has no leaf for the day a row is to be kept until. */
export function isMissingLeaf(error: unknown): boolean {
  return isDatabaseError(error) && error.code === '23514' && error.routine === 'ExecFindPartition';
}

/** Two processes made the same table or attached the same leaf at once. */
export function isAlreadyThere(error: unknown): boolean {
  return isDatabaseError(error) && /^(42P07|42P17|42710|23505)$/.test(error.code ?? '');
}

/** A leaf that another process has taken out meanwhile, or is taking out. */
export function isGone(error: unknown): boolean {
  return isDatabaseError(error) && /^(42P01|55000)$/.test(error.code ?? '');
}

/** By shape: a pool we were given may come from another copy of pg. */
function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof Error && 'severity' in error && 'code' in error;
}
