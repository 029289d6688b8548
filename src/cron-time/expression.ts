/** Reads expressions. They name wall-clock times, so that the library reads them on a clock without zone. */
import { Cron } from 'croner';
import { CronTimeError } from './error.ts';
import { ready } from './ready.ts';

const MAX_EXPRESSION_LENGTH = 1000;

const expressions = new Map<string, Cron>();

/** What an expression says of the wall clock. @throws CronTimeError */
export function expressionOf(text: unknown): Cron {
  if (typeof text !== 'string' || text.length > MAX_EXPRESSION_LENGTH) {
    throw new CronTimeError('cron', `must be text of at most ${MAX_EXPRESSION_LENGTH} characters.`);
  }
  return ready(expressions, text, readExpression);
}

const MACROS = '@hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually';
const FIELDS = [
  'seconds take 0 to 59',
  'minutes take 0 to 59',
  'hours take 0 to 23',
  'days of month take 1 to 31, L (the last), LW (the last weekday) or 15W (the weekday nearest the 15th)',
  'months take 1 to 12 or JAN to DEC',
  'days of week take 0 to 7 or SUN to SAT, FRI#2 (the second Friday) or FRI#L (the last)',
];

function readExpression(text: string): Cron {
  const expression = onTheWallClock(text);
  if (expression !== null) return expression;
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6)
    throw new CronTimeError('cron', `must have 5 or 6 fields, or be one of ${MACROS}, got '${text}'.`);
  const sixth = 6 - fields.length;
  const bad = fields.findIndex(
    (field, place) => onTheWallClock(fields.map((_, at) => (at === place ? field : '*')).join(' ')) === null,
  );
  const problem = `cannot be read: field ${bad + 1} is '${fields[bad]}', but ${FIELDS[bad + sixth]}.`;
  throw new CronTimeError(
    'cron',
    `${problem} Lists ('1,5'), rising ranges ('1-5') and steps ('*/5', '0-30/5') fit too.`,
  );
}

/** croner on a clock without zone: wall time as if it were UTC. Left to zones itself, it has other rules where clocks change. Null: unreadable. */
function onTheWallClock(text: string): Cron | null {
  // Text with a colon would be read as a date.
  if (text.includes(':')) return null;
  try {
    return new Cron(text, { utcOffset: 0, mode: '5-or-6-parts' });
  } catch {
    return null;
  }
}
