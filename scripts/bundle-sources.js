// Makes of the sources what runs, in dist/bundle: a file for each way in and some that they share, because Node takes most of a
// start to load 250 modules one by one. The packages they import stay packages. All lies in one folder, so that what a module
// finds beside itself (a thread, a migration, the page) is beside the file that it became part of.
import { chmodSync, cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = new URL('../', import.meta.url);
export const bundle = new URL('dist/bundle/', root);

export async function bundleSources() {
  await build({
    absWorkingDir: fileURLToPath(root),
    entryPoints: {
      index: 'src/index.ts',
      testing: 'src/testing/index.ts',
      main: 'src/cli/main.ts',
      'carillon.config': 'src/cli/demo/carillon.config.ts',
      'heartbeat-thread': 'src/store/postgres/heartbeat-thread.js',
      'layout-thread': 'src/inspect/layout-thread.ts',
    },
    outdir: fileURLToPath(bundle),
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    sourcemap: true,
  });
  chmodSync(new URL('main.js', bundle), 0o755);
  cpSync(new URL('src/store/postgres/migrations', root), new URL('migrations', bundle), { recursive: true });
}
