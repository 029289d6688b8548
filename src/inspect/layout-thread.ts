/** The thread in which elkjs works. Without elkjs it answers that there is none. */
import { parentPort } from 'node:worker_threads';
import type { ELK, ElkNode } from 'elkjs/lib/elk-api.js';

export interface LayoutTask {
  readonly task: number;
  readonly graph: ElkNode;
}

/** `laidOut` null: elkjs is not installed, or cannot lay this out. */
export interface LayoutResult {
  readonly task: number;
  readonly laidOut: ElkNode | null;
}

const loading = loadElk();

parentPort?.on('message', ({ task, graph }: LayoutTask) => {
  layOut(graph)
    .catch(() => null)
    .then((laidOut) => parentPort?.postMessage({ task, laidOut } satisfies LayoutResult))
    .catch(() => parentPort?.postMessage({ task, laidOut: null } satisfies LayoutResult));
});

async function layOut(graph: ElkNode): Promise<ElkNode | null> {
  const elk = await loading;
  return elk && elk.layout(graph);
}

async function loadElk(): Promise<ELK | null> {
  try {
    // CommonJS, whose types say less than it gives.
    const { default: Elk } = (await import('elkjs/lib/elk.bundled.js')) as unknown as { default: new () => ELK };
    return new Elk();
  } catch {
    return null;
  }
}
