/**
 * Finds and loads the configuration. TypeScript is read through tsx, into the same module graph as this program: a second
 * copy of Carillon would not know the definitions that the first one made.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { SchedulerOptions } from '../options.ts';
import { UsageError } from './usage.ts';

const runsFromSources = import.meta.url.endsWith('.ts');
const root = fileURLToPath(new URL('../../', import.meta.url));

const NAMES = ['ts', 'mts', 'js', 'mjs'].map((extension) => `carillon.config.${extension}`);

/** Where the configuration is: the file given, else the first `carillon.config.*` of the working directory, else null. */
export function findConfig(given: string | undefined): string | null {
  if (given !== undefined) {
    const file = path.resolve(given);
    if (!existsSync(file)) throw new UsageError(`There is no configuration ${given}.`);
    return file;
  }
  const found = NAMES.find((name) => existsSync(name));
  return found === undefined ? null : path.resolve(found);
}

/** The configuration; a command that needs one refuses to go on without. */
export async function loadConfig(given: string | undefined): Promise<SchedulerOptions> {
  const config = await loadConfigIfAny(given);
  if (config) return config;
  throw new UsageError(
    'There is no carillon.config.ts here. Write one with `carillon init`, or name another with --config <file>.',
  );
}

/** For commands that can do without: null where there is none. */
export async function loadConfigIfAny(given: string | undefined): Promise<SchedulerOptions | null> {
  const file = findConfig(given);
  if (file === null) return null;
  const module = await importAny(file);
  const options = module.default as SchedulerOptions | undefined;
  if (typeof options === 'object' && Array.isArray(options.definitions)) return options;
  throw new UsageError(
    `${file} has no default export with definitions. End it with: export default defineConfig({ … });`,
  );
}

async function importAny(file: string): Promise<{ readonly default?: unknown }> {
  if (/\.[cm]?ts$/.test(file)) await readTypeScript(file);
  try {
    return (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
  } catch (error) {
    throw new UsageError(`${file} cannot be loaded: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * From here on this process imports TypeScript, also what a handler imports later. Path mappings come from the project's
 * tsconfig. Carillon's own maps its name to its sources: right when this program runs from them, and a second copy of
 * everything when it was built.
 */
async function readTypeScript(file: string): Promise<void> {
  if (file.endsWith('.ts') && packageType(path.dirname(file)) !== 'module') {
    throw new UsageError(`${file} is read as an ES module, which its package.json has to say: npm pkg set type=module`);
  }
  if (runsFromSources) await useTsx({ tsconfig: path.join(root, 'tsconfig.json') });
  else await useTsx(file.startsWith(root) ? { tsconfig: false } : {});
}

/** Lets a program that runs from its sources import the examples, wherever it was started. */
export async function readExamples(): Promise<void> {
  if (runsFromSources) await useTsx({ tsconfig: path.join(root, 'tsconfig.json') });
}

/** Loaded when it is needed: it brings a compiler along. */
async function useTsx(options: { readonly tsconfig?: string | false }): Promise<void> {
  const { register } = await import('tsx/esm/api');
  register(options);
}

/** What the nearest package.json says of its modules; undefined where there is none, or it says nothing. */
export function packageType(folder: string): string | undefined {
  const file = path.join(folder, 'package.json');
  if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { type?: string }).type;
  const above = path.dirname(folder);
  return above === folder ? undefined : packageType(above);
}
