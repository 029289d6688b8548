/** `carillon doctor`: looks at the database, the workers and the work, and says what is wrong and what to do. */
import type { Command } from 'commander';
import colors from 'picocolors';
import { addCommand, type CommonOptions } from './command.ts';
import { loadConfigIfAny } from './config.ts';
import { examine } from './doctor/examination.ts';
import type { Finding } from './doctor/finding.ts';
import { printJson, printLine, printTable } from './output.ts';
import { plain } from './wording.ts';

/** Exit code when something was found. */
const FOUND_SOMETHING = 3;

const MARKS = { ok: colors.green('ok'), found: colors.red('found'), skipped: colors.dim('skipped') };

export function addDoctor(program: Command): void {
  addCommand(
    program,
    'doctor',
    'look for what is wrong; exit code 3 when something is',
    'carillon doctor --json',
  ).action(async ({ config, json }: CommonOptions) => {
    const findings = await examine((await loadConfigIfAny(config)) ?? { definitions: [] });
    const found = findings.filter(({ result }) => result === 'found').length;
    if (json) printJson({ healthy: found === 0, checks: findings });
    else tell(findings, found);
    if (found > 0) process.exitCode = FOUND_SOMETHING;
  });
}

function tell(findings: readonly Finding[], found: number): void {
  printTable(
    ['CHECK', 'RESULT', ''],
    findings.map(({ check, result, detail }) => [check, MARKS[result], plain(detail)]),
  );
  printLine();
  if (found === 0) printLine('Nothing found.');
  else printLine(`${found === 1 ? 'One check' : `${found} checks`} found something. What to do is said there.`);
}
