// What the compiler does not do for a build: the SQL files go along, and the program may be run.
import { chmodSync, cpSync } from 'node:fs';

const root = new URL('../', import.meta.url);

cpSync(new URL('src/store/postgres/migrations', root), new URL('dist/src/store/postgres/migrations', root), {
  recursive: true,
});
chmodSync(new URL('dist/src/cli/main.js', root), 0o755);
