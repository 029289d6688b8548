/** The real package on the other side: what it sends, ours has the shape of; what its receivers take, ours is. */
import {
  createBrowserReceiver,
  createInspector,
  createWebSocketReceiver,
  type StatelyInspectionEvent as TheirEvent,
} from '@statelyai/inspect';
import { createTestScheduler } from 'carillon/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { assign, createActor, fromPromise, setup } from 'xstate';
import { defineActor, type StatelyInspectionEvent } from '../../../src/index.ts';
import { InspectionServer } from '../../../src/inspect/inspection-server.ts';
import { waitUntil } from '../../support/wait-until.ts';

const machine = setup({
  types: { context: {} as { by: string | null }, events: {} as { type: 'approve'; by: string } },
  actors: { grant: fromPromise(async () => 'granted') },
}).createMachine({
  id: 'approval',
  context: { by: null },
  initial: 'waiting',
  states: {
    waiting: {
      on: { approve: { target: 'granting', actions: assign({ by: ({ event }) => event.by }) } },
      after: { 1000: 'expired' },
    },
    granting: { invoke: { src: 'grant', onDone: 'granted' } },
    granted: { type: 'final' },
    expired: { type: 'final' },
  },
});

async function ours(): Promise<StatelyInspectionEvent[]> {
  const approval = defineActor({ name: 'approval', machine });
  const kit = await createTestScheduler({ definitions: [approval] });
  const handle = await kit.schedule(approval);
  await handle.send({ type: 'approve', by: 'Ada' });
  await handle.result();
  const events = await kit.inspectionEvents(handle.id);
  await kit.stop();
  return events;
}

/** What the package makes of the same machine, told the same. Of the root actor only: our effects are no sessions. */
async function theirs(): Promise<TheirEvent[]> {
  const events: TheirEvent[] = [];
  const inspector = createInspector({ send: (event) => events.push(event) });
  const actor = createActor(machine, { inspect: inspector.inspect }).start();
  actor.send({ type: 'approve', by: 'Ada' });
  await waitUntil(() => events.some((event) => event.type === '@xstate.snapshot' && hasEnded(event.snapshot)), {
    what: 'the end of the actor',
  });
  return events.filter(({ sessionId }) => sessionId === actor.sessionId);
}

function hasEnded({ status }: { readonly status?: string }): boolean {
  return status === 'done';
}

function shapeOf(event: object): Record<string, string> {
  const optional = new Set(['parentId', 'sourceId', 'definition', 'id']);
  const keys = Object.keys(event).filter((key) => !optional.has(key));
  return Object.fromEntries(keys.sort().map((key) => [key, typeof (event as Record<string, unknown>)[key]]));
}

function told(events: readonly (TheirEvent | StatelyInspectionEvent)[]): unknown[] {
  return events.flatMap((event) => {
    if (event.type !== '@xstate.snapshot' || event.event.type === '') return [];
    const { status, value, context } = event.snapshot as { status: string; value: unknown; context: unknown };
    return [{ event: event.event.type.replace(/\d+\.approval/, 'approval'), status, value, context }];
  });
}

const server = new InspectionServer({ port: 0, viewer: new URL('https://stately.ai/inspect'), origins: [] });
afterEach(() => server.close());

describe('events of @statelyai/inspect 0.7.2', () => {
  test('ours have the same fields, and the same states, events and contexts in the same order', async () => {
    const [own, other] = await Promise.all([ours(), theirs()]);
    for (const type of ['@xstate.actor', '@xstate.event', '@xstate.snapshot']) {
      const [one, another] = [own, other].map((events) => events.find((event) => event.type === type));
      expect(shapeOf(one ?? {})).toEqual(shapeOf(another ?? {}));
    }
    const strip = (all: unknown[]): unknown[] => all.map((each) => ({ ...(each as object), event: undefined }));
    expect(strip(told(own))).toEqual(strip(told(other)));
    expect((own[0] as { _version: string })._version).toBe((other[0] as { _version: string })._version);
  });

  test('our definition has the states of theirs, under the same names', async () => {
    const [own, other] = await Promise.all([ours(), theirs()]);
    const [mine, their] = [own, other].map(
      (events) => JSON.parse((events[0] as { definition: string }).definition) as { id: string; states: object },
    );
    expect(mine?.id).toBe(their?.id);
    expect(Object.keys(mine?.states ?? {}).sort()).toEqual(Object.keys(their?.states ?? {}).sort());
  });

  test('its WebSocket receiver hears all of them, those of before included', async () => {
    const events = await ours();
    await server.listen();
    const [early, late] = [events.slice(0, 4), events.slice(4)];
    for (const event of early) server.tell(event);
    const heard: unknown[] = [];
    createWebSocketReceiver({ server: `ws://127.0.0.1:${server.port}` }).subscribe((event) => heard.push(event));
    await waitUntil(() => heard.length === early.length, { what: 'the events of before' });
    for (const event of late) server.tell(event);
    await waitUntil(() => heard.length === events.length, { what: 'all events' });
    expect(heard).toEqual(JSON.parse(JSON.stringify(events)));
  });

  test('its browser receiver takes every one of them for its own', async () => {
    const events = await ours();
    const frame = Object.assign(new EventTarget(), { self: 1, top: 2, parent: { postMessage: () => {} } });
    const heard: unknown[] = [];
    createBrowserReceiver({ window: frame as never }).subscribe((event) => heard.push(event));
    for (const data of events) frame.dispatchEvent(Object.assign(new Event('message'), { data }));
    expect(heard).toEqual(events);
  });
});
