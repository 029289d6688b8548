/** `carillon init`: a configuration with a first job, to change. */
import { access, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { packageType } from './config.ts';
import { printLine } from './output.ts';
import { UsageError } from './usage.ts';

const FILE = 'carillon.config.ts';

const CONTENT = `import { defineConfig, defineJob } from 'carillon';

const greet = defineJob<{ name: string }, string>({
  name: 'greet',
  async run({ input, log }) {
    log.info(\`Hello, \${input.name}\`);
    return \`Hello, \${input.name}\`;
  },
});

export default defineConfig({ definitions: [greet] });
`;

export function addInit(program: Command): void {
  program
    .command('init')
    .description(`write a ${FILE} with a first job`)
    .addHelpText('after', '\nExample:\n  $ carillon init && carillon dev')
    .action(async () => {
      if (await exists(FILE)) throw new UsageError(`${FILE} exists already; it was left as it is.`);
      await writeFile(FILE, CONTENT, { flag: 'wx' });
      printLine(`Wrote ${FILE}. Go on with:`);
      // TypeScript is read as what the package says it is, and Carillon is made of ES modules.
      if (packageType(process.cwd()) !== 'module') printLine('  npm pkg set type=module');
      printLine('  carillon dev');
      printLine(`  carillon schedule greet --input '{"name":"Ada"}' --wait`);
    });
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
