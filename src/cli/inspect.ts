/** `inspect`: an actor's past as events of Stately's inspector, or what happens now, over a WebSocket. */
import { type Command, InvalidArgumentError } from 'commander';
import colors from 'picocolors';
import { systemEnv } from '../env.ts';
import { Following } from '../inspect/following.ts';
import type { StatelyInspectionEvent } from '../inspect/stately-events.ts';
import { addCommand, type CommonOptions, withScheduler } from './command.ts';
import { printJson, printLine, printTable } from './output.ts';
import { eventText } from './show.ts';
import { aborted, stopSignal } from './stop-signal.ts';
import { collect, readActorId, readPort, UsageError } from './usage.ts';
import { plain, stateText } from './wording.ts';

interface InspectFlags extends CommonOptions {
  readonly live?: boolean;
  readonly port?: number;
  readonly viewer?: URL;
  readonly allowOrigin?: readonly string[];
}

const PORT = 8080;
const VIEWER = 'https://stately.ai/inspect';

export function addInspect(program: Command): void {
  addCommand(
    program,
    'inspect',
    "an actor's past as events of Stately's inspector; with --live, what all actors do now, over a WebSocket",
    'carillon inspect --live --port 8080',
  )
    .argument('[id]', 'of the actor; with --live all of them unless given', readActorId)
    .option('--live', 'serve events on the loopback address until Ctrl-C, with a page for inspectors in browsers')
    .option('--port <port>', `where --live listens; ${PORT} unless given, 0 for any that is free`, readPort)
    .option('--viewer <url>', `the inspector that the page of --live frames; ${VIEWER} unless given`, readViewer)
    .option('--allow-origin <origin>', 'another page that may connect; may be given more than once', collect)
    .action(inspect);
}

async function inspect(id: string | undefined, { live, ...flags }: InspectFlags): Promise<void> {
  if (live) return serve(id, flags);
  if (id === undefined) throw new UsageError('Name an actor, or give --live. `carillon ls` shows them.');
  if (flags.port !== undefined || flags.viewer || flags.allowOrigin)
    throw new UsageError('--port, --viewer and --allow-origin are for --live.');
  const events = await withScheduler(flags, (scheduler) => scheduler.inspectionEvents(id));
  if (flags.json) return printJson(events);
  printTable(
    ['AT', 'ACTOR', 'TYPE', 'EVENT', 'STATE'],
    events.map((event) => [new Date(Number(event.createdAt)).toISOString(), plain(event.sessionId), ...wordsOf(event)]),
  );
}

function wordsOf(event: StatelyInspectionEvent): readonly string[] {
  if (event.type === '@xstate.event') return [event.type, eventText(event.event), ''];
  const state = stateText(event.snapshot.value ?? null);
  return [event.type, event.type === '@xstate.actor' ? plain(event.name) : eventText(event.event), state];
}

async function serve(id: string | undefined, { json, ...flags }: InspectFlags): Promise<void> {
  const stop = stopSignal();
  const { port = PORT, viewer = new URL(VIEWER), allowOrigin: origins = [] } = flags;
  await withScheduler(flags, async (scheduler) => {
    const { InspectionServer } = await import('../inspect/inspection-server.ts');
    const server = new InspectionServer({ port, viewer, origins });
    const following = new Following({
      scheduler,
      env: systemEnv,
      ...(id !== undefined && { id }),
      tell: (event) => server.tell(event),
      failed: (error) => process.stderr.write(`${colors.red('error:')} ${(error as Error).message}\n`),
    });
    try {
      await server.listen().catch((error: unknown) => {
        throw new UsageError(`--port ${port}: ${(error as Error).message}`, { cause: error });
      });
      await following.start();
      const address = `127.0.0.1:${server.port}`;
      if (json) printLine(JSON.stringify({ event: 'ready', webSocket: `ws://${address}`, page: `http://${address}/` }));
      else printLine(`Inspection events: ws://${address}, page: http://${address}/. Stop with Ctrl-C.`);
      await aborted(stop);
    } finally {
      await following.stop();
      await server.close();
    }
  });
}

function readViewer(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new InvalidArgumentError('Give the address of a page: https://stately.ai/inspect.');
}
