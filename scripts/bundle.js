// What the compiler does not do for a build: the program is bundled, and the dashboard's page, which from sources is made at the
// first request.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { bundleClient } from '../dist/src/dashboard/bundle.js';
import { bundle, bundleSources } from './bundle-sources.js';

rmSync(bundle, { recursive: true, force: true });
await bundleSources();
const { script, style } = await bundleClient(new URL('../src/dashboard/client/', import.meta.url));
const client = new URL('client/', bundle);
mkdirSync(client, { recursive: true });
writeFileSync(new URL('app.js', client), script);
writeFileSync(new URL('app.css', client), style);
