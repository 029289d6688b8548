/**
 * Every error a caller can act on. `code` is the contract and never changes; messages are for people and may.
 * A failing job is not an exception: it is an event its statechart handles.
 */

/** The base of all errors Carillon throws on purpose. */
export abstract class CarillonError extends Error {
  /** Stable, literal per class: what programs decide on. */
  abstract readonly code: string;
  override get name(): string {
    return this.constructor.name;
  }
}

/** No actor has this id: it never existed, or its history was pruned after its retention. */
export class ActorNotFoundError extends CarillonError {
  readonly code = 'ACTOR_NOT_FOUND';
  readonly id: string;
  constructor(
    id: string,
    message = `No actor ${id}. It never existed here, or it settled and its retention has passed.`,
  ) {
    super(message);
    this.id = id;
  }
}

/** The actor has settled: it takes no more events. Its record is still readable with `get(id)`. */
export class ActorSettledError extends CarillonError {
  readonly code = 'ACTOR_SETTLED';
  readonly id: string;
  constructor(id: string, detail = 'it takes no more events') {
    super(`Actor ${id} has settled: ${detail}. Read its record with get('${id}').`);
    this.id = id;
  }
}

/** The operation does not fit the state the actor is in. */
export class InvalidStateError extends CarillonError {
  readonly code = 'INVALID_STATE';
  readonly id: string;
  constructor(id: string, message: string) {
    super(`Actor ${id}: ${message}`);
    this.id = id;
  }
}

/** Waiting ended by its own timeout; the actor goes on. */
export class WaitTimeoutError extends CarillonError {
  readonly code = 'WAIT_TIMEOUT';
  readonly id: string;
  constructor(id: string, waitedFor: string, timeoutMs: number) {
    super(
      `Actor ${id} did not reach ${waitedFor} within ${timeoutMs} ms. It is still running; wait again or raise 'timeout'.`,
    );
    this.id = id;
  }
}

/** The name is not among the definitions this scheduler was created with. */
export class UnknownDefinitionError extends CarillonError {
  readonly code = 'UNKNOWN_DEFINITION';
  constructor(definition: string, known: readonly string[]) {
    super(
      `No definition named '${definition}'. Known here: ${known.join(', ') || 'none'}. Add it to 'definitions' of createScheduler().`,
    );
  }
}

/** Two definitions share name and version, or a machine cannot be persisted or simulated. */
export class DefinitionVersionError extends CarillonError {
  readonly code = 'DEFINITION_VERSION';
}

/** The input, event or other payload cannot be accepted. `path` names the bad value. */
export class InvalidInputError extends CarillonError {
  readonly code = 'INVALID_INPUT';
  readonly path: string;
  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.path = path;
  }
}

/** An option is unknown or out of range. `option` names it, the message the allowed range. */
export class InvalidOptionError extends CarillonError {
  readonly code = 'INVALID_OPTION';
  readonly option: string;
  constructor(option: string, problem: string) {
    super(`Option '${option}' ${problem}`);
    this.option = option;
  }
}

/** The idempotency key belongs to another run: one with another input when scheduling, a later one when retrying. Nothing was done. */
export class IdempotencyConflictError extends CarillonError {
  readonly code = 'IDEMPOTENCY_CONFLICT';
  readonly key: string;
  readonly id: string;
  constructor(
    key: string,
    id: string,
    detail = 'which was scheduled with another input. Use another key, or the same input.',
  ) {
    super(`Idempotency key '${key}' belongs to actor ${id}, ${detail}`);
    this.key = key;
    this.id = id;
  }
}

/** Thrown by a ThreadGateway: the thread is gone. The follow-up is dropped at once. */
export class ThreadNotFoundError extends CarillonError {
  readonly code = 'THREAD_NOT_FOUND';
  constructor(threadId: string) {
    super(`Thread ${threadId} does not exist.`);
  }
}

/** Thrown by a ThreadGateway: the thread was stopped or cancelled. The follow-up is dropped at once. */
export class ThreadStoppedError extends CarillonError {
  readonly code = 'THREAD_STOPPED';
  constructor(threadId: string) {
    super(`Thread ${threadId} was stopped.`);
  }
}

/** Folding the journal did not give the stored snapshot. */
export class ReplayDivergedError extends CarillonError {
  readonly code = 'REPLAY_DIVERGED';
}

/** The scheduler was stopped: it schedules and sends nothing any more. */
export class SchedulerStoppedError extends CarillonError {
  readonly code = 'SCHEDULER_STOPPED';
  constructor() {
    super('This scheduler was stopped. Create another one with createScheduler().');
  }
}

/** The database schema and this code do not fit each other. */
export class SchemaVersionError extends CarillonError {
  readonly code = 'SCHEMA_VERSION';
}

/** The embedded Postgres cannot run here; the message says why and what to do. A server of your own always works. */
export class EmbeddedPostgresError extends CarillonError {
  readonly code = 'EMBEDDED_POSTGRES';
}
