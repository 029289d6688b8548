/** `carillon fork`: a copy of an actor as it was once, to see what else could have happened. */
import type { Command } from 'commander';
import type { AnyEventObject } from 'xstate';
import { addCommand, type CommonOptions, withScheduler } from './command.ts';
import { printJson, printLine } from './output.ts';
import { readActorId, readJson, readWhole, UsageError } from './usage.ts';
import { stateText } from './wording.ts';

type ForkFlags = CommonOptions & {
  readonly at: number;
  readonly event?: readonly AnyEventObject[];
  readonly start?: boolean;
};

export function addFork(program: Command): void {
  addCommand(
    program,
    'fork',
    'a copy of an actor as it was after one of its events; held until released',
    `carillon fork 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b --at 4 --event '{"type":"approve"}'`,
  )
    .argument('<id>', 'of the actor', readActorId)
    .requiredOption('--at <seq>', 'the last event it shares; `carillon show` numbers them', readWhole)
    .option('--event <json>', 'what happens instead; may be given more than once', collectEvents)
    .option('--start', 'do not hold it: its timers and effects go on at once, under keys of their own')
    .action(fork);
}

function collectEvents(text: string, before: readonly AnyEventObject[] = []): readonly AnyEventObject[] {
  const event = readJson(text);
  if (typeof event !== 'object' || event === null || Array.isArray(event))
    throw new UsageError(`--event takes an object, such as '{"type":"approve","by":"Ada"}'.`);
  return [...before, event as AnyEventObject];
}

async function fork(origin: string, { at, event = [], start = false, ...options }: ForkFlags): Promise<void> {
  const { id, actor } = await withScheduler(options, async (scheduler) => {
    const effects = start ? 'start' : 'hold';
    const handle = await scheduler.fork(origin, { atSeq: at, events: event, effects });
    return { id: handle.id, actor: await scheduler.get(handle.id) };
  });
  if (options.json)
    return printJson({ id, forkOf: { id: origin, seq: at }, held: !start, state: actor?.state ?? null });
  printLine(`${id}  ${stateText(actor?.state ?? null)}`);
  if (start) return printLine('It goes on by itself, with keys of its own.');
  printLine('It is held: no timer of it fires, and nothing it does reaches the world.');
  printLine(`  look     carillon show ${id}`);
  printLine(`  let go   carillon quarantine release ${id}`);
  printLine(`  discard  carillon cancel ${id}, then let it go`);
}
