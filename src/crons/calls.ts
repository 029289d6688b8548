import type { Handle } from '../definitions/handle.ts';
import type { AnyDefinition } from '../definitions/typed-name.ts';
import type { CronOptions, CronTimes } from './options.ts';
import type { CronView } from './view.ts';

/** What a scheduler does with crons. */
export interface CronCalls {
  /**
   * Schedules a cron, or changes the one of that id: outcome `updated`, or `skipped_in_flight` where it is so already. A changed
   * one fires next by its new times; its counts and its runs stay. One that retired begins anew. The handle is the cron's own.
   * @throws InvalidOptionError @throws InvalidInputError @throws UnknownDefinitionError
   */
  scheduleCron<D extends AnyDefinition>(options: CronOptions<D>): Promise<Handle>;
  /**
   * Declares a whole set, at every start of an application, by as many processes as there are. What is so already stays untouched.
   * All are checked before the first is written. `prune`: removes those that came with `applyCrons` and are no longer in the set.
   * @throws as scheduleCron, naming the cron
   */
  applyCrons(crons: readonly CronOptions[], options?: { readonly prune?: boolean }): Promise<void>;
  /** The next `count` (1 to 1000) instants at which these times fire, after `from`, which is now unless given. Touches nothing. */
  previewCron(options: CronTimes, count: number, from?: Date): Date[];
  getCron(id: string): Promise<CronView | null>;
  /** All of them, by id. */
  listCrons(): Promise<CronView[]>;
  /** It fires no more. Its runs go on, and stay in history. @throws ActorNotFoundError */
  removeCron(id: string): Promise<void>;
  /** One extra run now, also of a paused cron; the schedule does not move, and no limit counts it. @throws ActorNotFoundError */
  runCron(id: string): Promise<Handle>;
  /** No fire from now on until `resumeCron`; what is due meanwhile stays missed. @throws ActorNotFoundError @throws InvalidStateError once it retired */
  pauseCron(id: string): Promise<void>;
  /** Goes on with the next fire after now. @throws ActorNotFoundError */
  resumeCron(id: string): Promise<void>;
  /**
   * Runs every instant of its times in [from, to] that the cron has passed and that no run was made for, whatever its limit and its
   * overlap say; 1000 at most. Doing it twice runs nothing twice, while history knows the runs. Gives how many were scheduled.
   * @throws InvalidOptionError @throws ActorNotFoundError
   */
  backfillCron(id: string, from: Date, to: Date): Promise<number>;
}
