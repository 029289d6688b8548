import { expect, test } from 'vitest';
import { decode, encode } from '../../src/codec.ts';
import { journalLine } from '../../src/journal.ts';

const AT = 1_796_088_903_793;

test.each([
  [{ type: 'xstate.after.untilDue.job.scheduled' }, 'dispatching', ['timer', '1']],
  [{ type: 'says "no"\n' }, { paying: { card: 'asked' } }, ['stopped']],
  [{ type: 'approve' }, null, undefined],
  [{ type: 'approve', by: 'anna' }, 'approved', undefined],
  [{ type: 'approve', at: new Date(5) }, 'approved', undefined],
] as const)(
  'the line of %j is the text that the codec would write, whichever way it is written',
  (event, value, via) => {
    const line = journalLine(AT, event, value, via);
    const entry = via ? [AT, event, value, via] : [AT, event, value];
    expect(line).toBe(encode(entry, { path: 'event', maxBytes: Number.POSITIVE_INFINITY }));
    expect(decode(line)).toEqual(entry);
  },
);
