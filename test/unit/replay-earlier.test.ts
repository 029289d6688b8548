/** What earlier releases stored, word for word, replays under this one. */
import { expect, test } from 'vitest';
import { defineJob } from '../../src/definitions.ts';
import { type LivedBy, pastOf } from '../../src/replay/past.ts';
import { replayPast } from '../../src/replay.ts';
import type { StoredActor } from '../../src/store/contract.ts';
import { loaded } from '../support/lives.ts';

const DUE_AT = 1796145280749;
const CONTEXT = {
  dueAt: DUE_AT,
  startedAt: 1796145281504,
  attempt: 1,
  retries: {},
  recoveries: 0,
  interruptions: 0,
  error: null,
  drop: null,
};
const OUTPUT = { status: 'success', attempts: 1, startedAt: 1796145281504 };

const definition = loaded(defineJob({ name: 'noop', run: () => undefined }));
const livedBy: LivedBy = () => ({ internals: definition, prepared: definition.prepared });

/** Of 0.1.0 before contexts were stored without what is at rest, and successes without their output. */
function stored(context: object, output: object): StoredActor {
  return {
    id: '01a23299-f6d7-71fc-b158-a01ae0d4bb53',
    createdAt: DUE_AT,
    version: 1,
    seq: 3,
    input: '1{"n":0}',
    record: `1${JSON.stringify({ ...OUTPUT, settledAt: 1796145281523 })}`,
    snapshot: `1${JSON.stringify({ m: { v: 'done', c: context, f: 'd', o: output }, n: 3 })}`,
    history: [
      `1[${DUE_AT},{"type":"xstate.init","dueAt":${DUE_AT}},"scheduled"]`,
      '1[1796145281504,{"type":"xstate.after.untilDue.job.scheduled"},"dispatching",["timer","1"]]',
      '1[1796145281523,{"type":"xstate.done.actor.run"},"done",["effect","~2"]]',
    ].join('\n'),
  } as unknown as StoredActor;
}

test('a snapshot that tells all of its context, and the output too, is compared by what it says', () => {
  const { ok, firstDifference } = replayPast(pastOf(stored(CONTEXT, OUTPUT), []), livedBy);
  expect(firstDifference).toBeUndefined();
  expect(ok).toBe(true);
});

test('a difference in it is still found, with its path', () => {
  const changed = { ...CONTEXT, interruptions: 2 };
  const { ok, firstDifference } = replayPast(pastOf(stored(changed, OUTPUT), []), livedBy);
  expect(ok).toBe(false);
  expect(firstDifference).toMatchObject({ seq: 3, path: 'context.interruptions', stored: 2 });
});
