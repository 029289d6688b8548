/**
 * The machine itself failed: a guard, assign, delay, input or context factory threw, a loop did not end, a stored state does
 * not exist any more. Not an outcome: whoever catches it sets the actor aside, as it was before the step.
 */
export class MachineFault extends Error {
  /** The actor and the event it failed on. */
  readonly where: string;

  constructor(where: string, cause: unknown) {
    super(`${where}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'MachineFault';
    this.where = where;
  }
}
