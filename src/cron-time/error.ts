export type CronTimeField = 'cron' | 'every' | 'timezone' | 'startAt' | 'endAt';

/** These times cannot be kept. `field` names the option, `problem` what is wrong with it, what is allowed and what to do. */
export class CronTimeError extends Error {
  override readonly name = 'CronTimeError';
  readonly field: CronTimeField;
  readonly problem: string;
  constructor(field: CronTimeField, problem: string) {
    super(`'${field}' ${problem}`);
    this.field = field;
    this.problem = problem;
  }
}
