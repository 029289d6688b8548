import type { Command } from 'commander';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createProgram, run } from '../../../src/cli/program.ts';

afterEach(() => vi.restoreAllMocks());

/** Runs a command line in this process and keeps what it writes. */
async function attempt(...argv: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  const code = await run(argv);
  return { code, stdout, stderr };
}

function leaves(command: Command): Command[] {
  const inner = command.commands.flatMap(leaves);
  // `followup` does something by itself too.
  return inner.length === 0 || command.options.length > 0 ? [command, ...inner] : inner;
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

const NOBODY = '01a1fdb3-aaf9-7759-8de1-293577f88296';

describe('help', () => {
  test.each(leaves(createProgram()).map((command) => [command.name(), command] as const))(
    '%s has a description and an example',
    (_, command) => {
      expect(command.description()).not.toBe('');
      expect(helpOf(command)).toMatch(/Example:\n {2}\$ .*carillon /);
    },
  );

  test('goes to standard output with exit code 0', async () => {
    const { code, stdout, stderr } = await attempt('schedule', '--help');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Usage: carillon schedule');
  });
});

describe('wrong usage exits with 2 and says what to do', () => {
  test.each([
    [['fly'], "unknown command 'fly'"],
    [['ls', '--wings'], "unknown option '--wings'"],
    [['show'], "missing required argument 'id'"],
    [['show', 'abc'], 'An actor id is a UUID; `carillon ls` shows them.'],
    [['ls', '--limit', 'many'], 'Give a whole number.'],
    [['schedule', 'x', '--delay', 'soon'], 'Give a number and a unit: 250ms, 30s, 15m, 24h, 7d.'],
    [['schedule', 'x', '--at', 'noon'], 'Give an instant such as 2026-12-24T18:00:00Z.'],
    [['schedule', 'x', '--input', '{'], 'Give JSON, in quotes for your shell'],
    [['schedule', 'x', '--delay', '1s', '--at', '2026-01-01'], 'Give --delay or --at, not both.'],
    [['retry-failed'], 'Give exactly one of --name, --queue and --id.'],
    [['retry-failed', '--name', 'a', '--queue', 'b'], 'Give exactly one of --name, --queue and --id.'],
    [['retry-failed', '--id', 'abc'], 'An actor id is a UUID; `carillon ls` shows them.'],
    [['key', 'release', 'k'], "required option '--reason <reason>' not specified"],
    [['followup', '--thread', 't', '--delay', '1h'], 'Give --thread and --message.'],
    [['followup', '--thread', 't', '-m', 'x'], 'Give --delay or --at, one of the two.'],
    [['followup', 'ls'], "required option '--thread <id>' not specified"],
    [['followup', 'cancel', '--key', 'k', '--thread', 't'], 'Give --key or --thread, one of the two.'],
    [['fork', NOBODY], "required option '--at <seq>' not specified"],
    [['fork', NOBODY, '--at', '1', '--event', '[]'], '--event takes an object'],
    [['ls', '--config', 'no-such-file.ts'], 'There is no configuration no-such-file.ts.'],
    [['ls'], 'There is no carillon.config.ts here.'],
  ])('%j', async (argv, message) => {
    const { code, stdout, stderr } = await attempt(...argv);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });
});
