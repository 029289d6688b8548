/** `carillon check`: what a deploy of this configuration would make of everything that is alive. It registers and changes nothing. */
import type { Command } from 'commander';
import colors from 'picocolors';
import type { CompatibilityReport, FailingActor } from '../definitions/compatibility.ts';
import type { AnyDefinition } from '../definitions/typed-name.ts';
import { internalsOf } from '../definitions.ts';
import { systemEnv } from '../env.ts';
import { createScheduler } from '../scheduler.ts';
import { addCommand, type CommonOptions, quietLogger } from './command.ts';
import { loadConfig } from './config.ts';
import { printHeading, printJson, printLine, printTable } from './output.ts';
import { readWhole } from './usage.ts';
import { plain } from './wording.ts';

/** Exit code when something would break. */
const FOUND_SOMETHING = 3;
const PROGRESS_EVERY_MS = 2_000;

type CheckFlags = CommonOptions & { readonly strict?: boolean; readonly sample?: number };

type Checked = CompatibilityReport & { readonly name: string; readonly version: number };

export function addCheck(program: Command): void {
  addCommand(
    program,
    'check',
    'before a deploy: what would become of what is alive; exit code 3 when something breaks',
    'carillon check --config carillon.next.config.ts --strict',
  )
    .option('--strict', 'what looks wrong in a statechart counts as broken')
    .option('--sample <count>', 'how many pasts of a definition are taken again; 20 unless given', readWhole)
    .action(check);
}

async function check({ strict = false, sample, config, json }: CheckFlags): Promise<void> {
  const options = await loadConfig(config);
  // Not registered: that alone would change limits, and free what is parked.
  const scheduler = await createScheduler({ ...options, definitions: [], worker: false, logger: quietLogger() });
  const checked: Checked[] = [];
  try {
    for (const [newest, ...kept] of byName(options.definitions)) {
      if (!newest) continue;
      const { name, version } = newest;
      const settings = { kept, ...(sample !== undefined && { sample }), onProgress: progressOf(name) };
      checked.push({ name, version, ...(await scheduler.checkDefinition(newest, settings)) });
    }
  } finally {
    await scheduler.stop();
  }
  const broken = checked.some((each) => isBroken(each, strict));
  if (json) printJson({ compatible: !broken, definitions: checked });
  else tell(checked, strict);
  if (broken) process.exitCode = FOUND_SOMETHING;
}

/** The versions of each definition, newest first. */
function byName(definitions: readonly AnyDefinition[]): readonly (readonly AnyDefinition[])[] {
  const names = [...new Set(definitions.map((definition) => internalsOf(definition).name))];
  return names.map((name) =>
    definitions.filter((each) => internalsOf(each).name === name).sort((a, b) => b.version - a.version),
  );
}

/** On standard error, now and then: standard output belongs to the answer. */
function progressOf(name: string): (checked: number) => void {
  let toldMs = systemEnv.monotonicMs();
  return (checked) => {
    const nowMs = systemEnv.monotonicMs();
    if (nowMs - toldMs < PROGRESS_EVERY_MS) return;
    toldMs = nowMs;
    process.stderr.write(`${plain(name)}: ${checked} looked at\n`);
  };
}

function isBroken({ failed, diverging, warnings }: Checked, strict: boolean): boolean {
  return failed > 0 || diverging.length > 0 || (strict && warnings.length > 0);
}

function tell(checked: readonly Checked[], strict: boolean): void {
  printTable(
    ['DEFINITION', 'ALIVE', 'FIT', 'MIGRATE', 'BREAK', 'REPLAYED', 'DIFFER'],
    checked.map(({ name, version, ...each }) => [
      `${plain(name)}@${version}`,
      ...[each.checked, each.fitting, each.migrating, each.failed, each.replayed, each.diverging.length].map(String),
    ]),
  );
  for (const each of checked) {
    const lines = [...failures(each), ...divergences(each), ...each.warnings.map(plain)];
    if (lines.length === 0) continue;
    printHeading(`${plain(each.name)}@${each.version}`);
    for (const line of lines) printLine(`  ${line}`);
  }
  printLine();
  const broken = checked.filter((each) => isBroken(each, strict)).length;
  if (broken === 0) printLine(colors.green('Nothing would break.'));
  else printLine(colors.red(`${broken === 1 ? 'One definition' : `${broken} definitions`} would break something.`));
}

/** Those that fail for one reason together. */
function failures({ failing, failed }: Checked): readonly string[] {
  const groups = new Map<string, FailingActor[]>();
  for (const actor of failing) {
    const key = `version ${actor.version}: ${actor.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), actor]);
  }
  const lines = [...groups].map(([what, actors]) => {
    const others = actors.length > 1 ? ` and ${actors.length - 1} more` : '';
    return `${plain(what)}\n    ${actors[0]?.id}${others}`;
  });
  return failed > failing.length ? [...lines, `and ${failed - failing.length} more that are not listed`] : lines;
}

function divergences({ diverging }: Checked): readonly string[] {
  return diverging.map(
    ({ id, seq, path, reason }) => `${id} differs at step ${seq}, '${plain(path)}': ${plain(reason)}`,
  );
}
