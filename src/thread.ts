import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Starts a module as a thread. `module`: without its ending, which is `.js` in a build. From its TypeScript source it needs a
 * loader, which the flags of this process do not give to a thread on Node 20.
 */
export function startThread(module: URL, options: WorkerOptions = {}): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL(`${module.href}.js`), options);
  const loader = import.meta.resolve('tsx/esm/api');
  const load = `import('${loader}').then(({ register }) => (register(), import('${module.href}.ts')));`;
  return new Worker(load, { ...options, eval: true });
}
