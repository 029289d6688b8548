/**
 * Where everything of a chart goes: computed by elkjs, which takes up to a second for a large machine and is therefore asked
 * once per chart, and in a thread: a worker that stands still for so long may lose what it holds. It is an optional dependency;
 * where it is missing there is no picture, and pages show the chart as text.
 */
import type { Worker } from 'node:worker_threads';
import type { ElkExtendedEdge, ElkNode } from 'elkjs/lib/elk-api.js';
import { startThread } from '../thread.ts';
import { type Arrow, type Box, type ChartGraph, TITLE_HEIGHT } from './chart-graph.ts';
import type { LayoutResult, LayoutTask } from './layout-thread.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface PlacedBox extends Box, Point {
  readonly children: readonly PlacedBox[];
}

export interface PlacedArrow extends Arrow {
  readonly points: readonly Point[];
  /** Upper left corner of its labels. */
  readonly labelAt: Point | null;
}

export interface ChartLayout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly PlacedBox[];
  readonly arrows: readonly PlacedArrow[];
}

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.padding': '[top=12,left=12,bottom=12,right=12]',
  'elk.spacing.nodeNode': '28',
  'elk.spacing.edgeNode': '16',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '4',
  'elk.layered.spacing.nodeNodeBetweenLayers': '36',
  'elk.layered.spacing.edgeNodeBetweenLayers': '16',
  'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
  'elk.layered.cycleBreaking.strategy': 'MODEL_ORDER',
};

let thread: Worker | null = null;
let tasks = 0;
const waiting = new Map<number, (laidOut: ElkNode | null) => void>();

/** One thread for all charts of this process, which stays alive for it only while it is at work. One that dies is started anew. */
function layoutThread(): Worker {
  if (thread) return thread;
  const started = startThread(new URL('./layout-thread', import.meta.url));
  thread = started;
  started.on('message', ({ task, laidOut }: LayoutResult) => {
    waiting.get(task)?.(laidOut);
    waiting.delete(task);
    if (waiting.size === 0) started.unref();
  });
  const died = (): void => {
    if (thread !== started) return;
    thread = null;
    for (const resolve of waiting.values()) resolve(null);
    waiting.clear();
  };
  started.on('error', died);
  started.on('exit', died);
  return started;
}

function place(graph: ElkNode): Promise<ElkNode | null> {
  const task = ++tasks;
  return new Promise((resolve) => {
    waiting.set(task, resolve);
    const worker = layoutThread();
    worker.ref();
    worker.postMessage({ task, graph } satisfies LayoutTask);
  });
}

/** Null: elkjs is not installed. */
export async function layOut(graph: ChartGraph): Promise<ChartLayout | null> {
  const laidOut = await place({
    id: 'chart',
    layoutOptions: OPTIONS,
    children: graph.boxes.map(nodeOf),
    edges: graph.arrows.map(edgeOf),
  });
  if (!laidOut) return null;
  const nodes = new Map<string, ElkNode>();
  const gather = (node: ElkNode): void => {
    nodes.set(node.id, node);
    node.children?.forEach(gather);
  };
  gather(laidOut);
  const placedBox = (box: Box): PlacedBox => {
    const { x = 0, y = 0, width = box.width, height = box.height } = nodes.get(nodeId(box.id)) ?? {};
    return { ...box, x, y, width, height, children: box.children.map(placedBox) };
  };
  return {
    width: Math.ceil(laidOut.width ?? 0),
    height: Math.ceil(laidOut.height ?? 0),
    boxes: graph.boxes.map(placedBox),
    arrows: graph.arrows.map((arrow, index) => placed(arrow, laidOut.edges?.[index])),
  };
}

function nodeId(id: string): string {
  return `state ${id}`;
}

function nodeOf(box: Box): ElkNode {
  const { width, height } = box;
  if (box.children.length === 0) return { id: nodeId(box.id), width, height };
  const top = height + (height === TITLE_HEIGHT ? 4 : 0);
  return {
    id: nodeId(box.id),
    layoutOptions: {
      'elk.padding': `[top=${top},left=14,bottom=14,right=14]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width},${height})`,
    },
    children: box.children.map(nodeOf),
  };
}

function edgeOf({ from, to, labels, width, height }: Arrow, index: number): ElkExtendedEdge {
  const text = labels.length === 0 ? [] : [{ text: labels.join('\n'), width, height }];
  return { id: `arrow ${index}`, sources: [nodeId(from)], targets: [nodeId(to)], labels: text };
}

function placed(arrow: Arrow, edge: ElkExtendedEdge | undefined): PlacedArrow {
  const [label] = edge?.labels ?? [];
  const points = (edge?.sections ?? []).flatMap(({ startPoint, bendPoints = [], endPoint }) => [
    startPoint,
    ...bendPoints,
    endPoint,
  ]);
  return { ...arrow, points, labelAt: label ? { x: label.x ?? 0, y: label.y ?? 0 } : null };
}
