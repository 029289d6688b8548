/** Pictures of charts, each laid out once in the life of a process, however many ask for it and however often. */
import { drawChart } from './chart-drawing.ts';
import { graphOf } from './chart-graph.ts';
import { layOut } from './chart-layout.ts';
import { type Chart, readChart } from './chart-model.ts';
import type { Drawing } from './drawing.ts';

export interface ChartPicture {
  readonly chart: Chart;
  /** Null: there is nothing here that could lay it out, or it cannot be laid out. */
  readonly drawing: Drawing | null;
}

/** Old versions stay in the registry for ever; pictures of so many are kept. */
const MOST_KEPT = 200;

export class ChartPictures {
  readonly #pictures = new Map<string, Promise<ChartPicture | null>>();
  /** One after the other: each takes the processor for as long as it lasts. */
  #last: Promise<unknown> = Promise.resolve();

  /** Of a definition's stored configuration. Null: it is not a chart. */
  of(config: string, title: string): Promise<ChartPicture | null> {
    const known = this.#pictures.get(config);
    if (known) return known;
    const picture = this.#last.then(() => paint(config, title));
    this.#last = picture;
    this.#pictures.set(config, picture);
    const [oldest] = this.#pictures.keys();
    if (this.#pictures.size > MOST_KEPT && oldest !== undefined) this.#pictures.delete(oldest);
    return picture;
  }
}

async function paint(config: string, title: string): Promise<ChartPicture | null> {
  const chart = readChart(config);
  if (!chart) return null;
  try {
    const layout = await layOut(graphOf(chart));
    return { chart, drawing: layout && drawChart(layout, title) };
  } catch {
    // A shape that elk does not take; the chart can still be read.
    return { chart, drawing: null };
  }
}
