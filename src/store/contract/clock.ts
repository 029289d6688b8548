/** Time in the contract: instants are milliseconds since 1970 on the STORE's clock, on whole milliseconds. */

export type Instant = number;

/** The store's answer always says what its clock read, so that callers can follow it without asking. */
export interface Reply {
  readonly now: Instant;
}
