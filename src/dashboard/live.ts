/**
 * Tells open pages that something changed, as server-sent events. It says no more than that: a page asks anew for what it shows,
 * with its own filters, and with the rights of who looks at it. One look at the store serves all pages, and none is taken while
 * no page is open.
 */
import type { LocalTimer } from '../env.ts';
import type { Insight } from '../scheduler/insight.ts';
import { reply } from './replies.ts';

const LOOK_EVERY_MS = 100;
/** A proxy closes what is silent for longer than half a minute or so. */
const HEARTBEAT_MS = 15_000;
/** Each page has one connection. */
const MOST_PAGES = 200;

type Page = ReadableStreamDefaultController<Uint8Array>;

export class Live {
  readonly #insight: Insight;
  readonly #pages = new Set<Page>();
  readonly #encoder = new TextEncoder();
  #timer: LocalTimer | null = null;
  #mark = '';
  #saidAtMs = 0;

  constructor(insight: Insight) {
    this.#insight = insight;
  }

  /** Null: too many are open. */
  open(signal: AbortSignal): Response | null {
    if (this.#pages.size >= MOST_PAGES) return null;
    let page: Page;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        page = controller;
        this.#pages.add(page);
        this.#tell(page, 'retry: 1000\n\n');
        this.#look();
      },
      cancel: () => this.#close(page),
    });
    signal.addEventListener('abort', () => this.#close(page), { once: true });
    return reply(body, 'text/event-stream; charset=utf-8', { headers: { 'x-accel-buffering': 'no' } });
  }

  #look(): void {
    if (this.#timer || this.#pages.size === 0) return;
    this.#timer = this.#insight.env.setTimer(LOOK_EVERY_MS, () => {
      this.#compare()
        .catch(() => this.#closeAll())
        .finally(() => {
          this.#timer = null;
          this.#look();
        });
    });
  }

  async #compare(): Promise<void> {
    const { env } = this.#insight;
    const mark = await this.#insight.mark();
    if (mark !== this.#mark) {
      this.#mark = mark;
      this.#say('event: changed\ndata: {}\n\n');
    } else if (env.monotonicMs() - this.#saidAtMs > HEARTBEAT_MS) this.#say(': still here\n\n');
  }

  #say(text: string): void {
    this.#saidAtMs = this.#insight.env.monotonicMs();
    for (const page of this.#pages) this.#tell(page, text);
  }

  /** A page that does not read is let go of: it connects again once it does. */
  #tell(page: Page, text: string): void {
    if ((page.desiredSize ?? 0) < -100) this.#close(page);
    else page.enqueue(this.#encoder.encode(text));
  }

  /** The store is away, or the scheduler was stopped: pages try again by themselves. */
  #closeAll(): void {
    for (const page of this.#pages) this.#close(page);
  }

  #close(page: Page): void {
    if (!this.#pages.delete(page)) return;
    try {
      page.close();
    } catch {
      // Closed from the other side.
    }
  }
}
