import { Worker } from 'node:worker_threads';

/**
 * Starts a module as a thread. `module`: without its ending, which is `.js` in a build. From its TypeScript source it needs a
 * loader, which the flags of this process do not give to a thread on Node 20.
 */
export function startThread(module: URL): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL(`${module.href}.js`));
  const loader = import.meta.resolve('tsx/esm/api');
  return new Worker(`import('${loader}').then(({ register }) => (register(), import('${module.href}.ts')));`, {
    eval: true,
  });
}
