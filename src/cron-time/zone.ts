/** What the clocks of a time zone show, and when. */
import { CronTimeError } from './error.ts';
import { ready } from './ready.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const zones = new Map<string, Zone>();

/** Names that ICU knows beside the IANA ones: 'BST' is Dhaka there, 'IST' Kolkata. */
const NOT_IANA = /^(SystemV\/.*|(?!CET|EET|EST|GMT|HST|MET|MST|PRC|ROC|ROK|UCT|UTC|WET)[A-Z]{3})$/i;

/** @throws CronTimeError */
export function zoneOf(name: unknown): Zone {
  // Intl takes undefined for the zone of this machine.
  if (typeof name !== 'string')
    throw new CronTimeError('timezone', "must be an IANA name such as 'Europe/Berlin' or 'UTC'.");
  return ready(zones, name, readZone);
}

function readZone(name: string): Zone {
  const refuse = (why: string) =>
    new CronTimeError(
      'timezone',
      `must be an IANA name such as 'Europe/Berlin' or 'UTC', got '${name.slice(0, 60)}': ${why}.`,
    );
  if (/^[+-]/.test(name)) throw refuse("an offset knows no clock changes; a fixed one is 'Etc/GMT-2' for +02:00");
  if (NOT_IANA.test(name)) throw refuse('an abbreviation, and several zones share some');
  try {
    return new Zone(name);
  } catch {
    throw refuse('no such zone is known here');
  }
}

/** From this instant on the clocks of a zone are this far ahead of UTC. */
interface Stretch {
  readonly from: number;
  readonly offsetMs: number;
}

/** No zone ever was further from UTC. */
const MAX_OFFSET_MS = 16 * HOUR_MS;
/** Days that are kept ready for each zone. */
const MAX_DAYS = 200;

/**
 * What the clocks of a zone show. Only Intl knows, and it tells no more than the offset at one instant. So it is asked at both
 * ends of a day, and where they differ the change is found by halving: two changes of a zone were never closer than three days.
 */
export class Zone {
  readonly #format: Intl.DateTimeFormat;
  readonly #days = new Map<number, readonly Stretch[]>();

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  }

  /** The furthest that the clocks have shown up to now. After they were set back that is more than what they show. */
  furthestWall(at: number): number {
    const stretches = this.#stretches(at - 2 * MAX_OFFSET_MS, at);
    const last = stretches.map(({ offsetMs }, index) => (stretches[index + 1]?.from ?? at + 1) - 1 + offsetMs);
    return Math.max(...last);
  }

  /** First instant at which the clocks show this time or a later one. */
  firstInstant(wall: number): number {
    const stretches = this.#stretches(wall - MAX_OFFSET_MS, wall + MAX_OFFSET_MS);
    const reached = stretches.map(({ from, offsetMs }) => Math.max(from, wall - offsetMs));
    return reached.find((at, index) => at < (stretches[index + 1]?.from ?? Infinity)) ?? wall;
  }

  #stretches(from: number, to: number): Stretch[] {
    const found: Stretch[] = [];
    for (let day = Math.floor(from / DAY_MS); day * DAY_MS <= to; day++) {
      for (const stretch of ready(this.#days, day, (missing) => this.#readDay(missing), MAX_DAYS)) {
        if (stretch.from <= to && stretch.offsetMs !== found.at(-1)?.offsetMs) found.push(stretch);
      }
    }
    return found;
  }

  #readDay(day: number): Stretch[] {
    const [start, end] = [day * DAY_MS, (day + 1) * DAY_MS];
    const [before, after] = [this.#offsetMs(start), this.#offsetMs(end)];
    const first = { from: start, offsetMs: before };
    if (before === after) return [first];
    let [low, high] = [start, end];
    // Clocks change on whole seconds.
    while (high - low > 1000) {
      const middle = low + Math.floor((high - low) / 2000) * 1000;
      if (this.#offsetMs(middle) === before) low = middle;
      else high = middle;
    }
    return [first, { from: high, offsetMs: after }];
  }

  #offsetMs(at: number): number {
    const [, sign, hours, minutes, seconds] = /GMT([+-])(\d+):(\d+)(?::(\d+))?$/.exec(this.#format.format(at)) ?? [];
    if (sign === undefined) return 0;
    return Number(`${sign}1`) * (Number(hours) * HOUR_MS + Number(minutes) * 60_000 + Number(seconds ?? 0) * 1000);
  }
}
