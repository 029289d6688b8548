/** What a browser needs to begin with: one page for all addresses, its script, its style sheet and its icon. */
import { readFile } from 'node:fs/promises';
import { type Bundle, bundleClient } from './bundle.ts';
import type { ResolvedDashboard } from './options.ts';

const client = new URL('./client/', import.meta.url);

let bundle: Promise<Bundle> | null = null;

/** From sources it is made at the first request; a build has it beside this file. */
export function readBundle(): Promise<Bundle> {
  bundle ??= (import.meta.url.endsWith('.ts') ? bundleClient(client) : builtBundle()).catch((error: unknown) => {
    bundle = null;
    throw error;
  });
  return bundle;
}

async function builtBundle(): Promise<Bundle> {
  const [script, style] = await Promise.all(
    ['app.js', 'app.css'].map((file) => readFile(new URL(file, client), 'utf8')),
  );
  return { script: script ?? '', style: style ?? '' };
}

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2b4c7e"/><path d="M16 6a6 6 0 0 0-6 6v5l-2.5 4h17L22 17v-5a6 6 0 0 0-6-6Zm-2.5 17a2.5 2.5 0 0 0 5 0Z" fill="#fff"/></svg>`;

export function shell({ basePath, readOnly }: ResolvedDashboard, namespace: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="carillon" content="${escaped(JSON.stringify({ basePath, readOnly, namespace }))}">
<title>Carillon</title>
<link rel="icon" href="${basePath}/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${basePath}/assets/app.css">
<script type="module" src="${basePath}/assets/app.js"></script>
</head>
<body>
<div id="app"></div>
<noscript>This page needs JavaScript. The same is on the command line: carillon ls, carillon show.</noscript>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
