/**
 * Takes away, one at a time and in a copy of the project, each mechanism that docs/guarantees.md names, and runs the test that must
 * then fail. Ends with 1 when a test stays green: then it does not guard what it says. `npm run test:breaks [-- <part of a name>]`
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Break, breaks } from '../test/guarantees/breaks.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const copy = mkdtempSync(path.join(tmpdir(), 'carillon-broken-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));

const wanted = process.argv[2] ?? '';
const chosen = breaks.filter(({ without, title }) => without.includes(wanted) || title.includes(wanted));
copyProject();

let green = 0;
for (const [index, each] of chosen.entries()) {
  process.stdout.write(`${index + 1}/${chosen.length}  without ${each.without}: `);
  const outcome = testsWithout(each);
  if (outcome !== 'red') green += 1;
  console.log(`${outcome}  (${each.file}: ${each.title})`);
}
console.log(green === 0 ? `All ${chosen.length} turn a test red.` : `${green} of ${chosen.length} turn no test red.`);
process.exitCode = green === 0 ? 0 : 1;

function copyProject(): void {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  for (const file of files.trim().split('\n')) {
    cpSync(path.join(root, file), path.join(copy, file));
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
}

function testsWithout({ edits, project, file, title }: Break): string {
  for (const { file: source, find, replace } of edits) {
    const target = path.join(copy, source);
    const text = readFileSync(target, 'utf8');
    if (text.split(find).length !== 2) throw new Error(`${source} does not have this text once: ${find}`);
    writeFileSync(
      target,
      text.replace(find, () => replace),
    );
  }
  try {
    const pattern = title.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&');
    const args = ['vitest', 'run', '--project', project, file, '-t', pattern, '--reporter=json'];
    const { stdout } = spawnSync('npx', args, { cwd: copy, encoding: 'utf8', maxBuffer: 1e9 });
    const report = JSON.parse(stdout.slice(stdout.indexOf('{"'))) as {
      numFailedTests: number;
      numPassedTests: number;
    };
    if (report.numFailedTests > 0) return 'red';
    return report.numPassedTests > 0 ? 'GREEN' : 'RAN NOTHING';
  } finally {
    for (const { file: source } of edits) cpSync(path.join(root, source), path.join(copy, source));
  }
}
