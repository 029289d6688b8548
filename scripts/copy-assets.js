// What the compiler does not do for a build: the SQL files go along, the page is bundled, and the program may be run.
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { bundleClient } from '../dist/src/dashboard/bundle.js';

const root = new URL('../', import.meta.url);

cpSync(new URL('src/store/postgres/migrations', root), new URL('dist/src/store/postgres/migrations', root), {
  recursive: true,
});
const { script, style } = await bundleClient(new URL('src/dashboard/client/', root));
const built = new URL('dist/src/dashboard/client/', root);
mkdirSync(built, { recursive: true });
writeFileSync(new URL('app.js', built), script);
writeFileSync(new URL('app.css', built), style);
chmodSync(new URL('dist/src/cli/main.js', root), 0o755);
