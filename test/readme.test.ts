/** What the README says is so: its code compiles, and its tables list what there is. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../src/cli/program.ts';
import * as carillon from '../src/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const guide = readFileSync(path.join(root, 'CONTRIBUTING.md'), 'utf8');

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code ?? '');
}

/** First cells of the table rows under a heading. */
function firstCells(heading: string): string[] {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| (`.*?) \|/gm)].map(([, cell]) => cell ?? '');
}

function commandNames(command: Command, above = ''): string[] {
  return command.commands.flatMap((child) => {
    const name = `${above}${child.name()}`;
    const inner = commandNames(child, `${name} `);
    // Some only group others; one that takes options does something itself.
    return inner.length === 0 || child.options.length > 0 ? [name, ...inner] : inner;
  });
}

describe('the README', () => {
  test('has code that compiles as it stands', async () => {
    const compiled = blocks('ts');
    expect(compiled.length).toBeGreaterThan(2);
    mkdirSync(path.join(root, 'node_modules/.cache'), { recursive: true });
    // Below node_modules, so that packages are found and no other tool looks.
    const folder = mkdtempSync(path.join(root, 'node_modules/.cache/readme-'));
    try {
      for (const code of compiled) {
        const name = /^\/\/ (\S+\.ts)\n/.exec(code)?.[1];
        if (name === undefined) throw new Error(`A block has to begin with the name of its file:\n${code}`);
        writeFileSync(path.join(folder, name), code);
      }
      const paths = {
        carillon: [path.join(root, 'src/index.ts')],
        'carillon/testing': [path.join(root, 'src/testing/index.ts')],
      };
      const settings = { extends: path.join(root, 'tsconfig.json'), compilerOptions: { paths }, include: ['*.ts'] };
      writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ ...settings, exclude: [] }));
      writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
      const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
      const result = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch((error: unknown) => error);
      expect((result as { stdout: string }).stdout).toBe('');
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);

  test('lists every command, and no other', () => {
    const listed = firstCells('Commands')
      .filter((cell) => !/`[A-Z_]+`/.test(cell))
      .flatMap((cell) => [...cell.matchAll(/`([a-z -]+?)(?: <.*?)?`/g)].map(([, name]) => name ?? ''));
    expect(listed.sort()).toEqual(commandNames(createProgram()).sort());
  });

  test('lists every error code that can be met, and no other', () => {
    const classes = Object.values(carillon).filter(
      (exported) => typeof exported === 'function' && exported.prototype instanceof carillon.CarillonError,
    ) as unknown as (new (
      ...args: unknown[]
    ) => carillon.CarillonError)[];
    const codes = classes.map((errorClass) => new errorClass('', []).code);
    expect(firstCells('Errors').sort()).toEqual(codes.map((code) => `\`${code}\``).sort());
  });

  test('names only scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: object };
    const named = [...`${readme}${guide}`.matchAll(/npm (?:run )?(test|(?<=run )[a-z:]+)/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(5);
    for (const name of named) expect(Object.keys(scripts)).toContain(name);
  });

  test('shows command lines with options that exist', () => {
    const lines = blocks('sh').flatMap((block) => [...block.matchAll(/^carillon (\S+)(.*?)(?: +#.*)?$/gm)]);
    expect(lines.length).toBeGreaterThan(2);
    for (const [, name, rest] of lines) {
      const command = createProgram().commands.find((candidate) => candidate.name() === name);
      const known = command?.options.map(({ long }) => long);
      for (const [option] of (rest ?? '').matchAll(/--[a-z-]+/g)) expect(known).toContain(option);
      expect(command).toBeDefined();
    }
  });
});
