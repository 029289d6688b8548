/** Shows the runs while they run: drawn over itself on a terminal, one line per change elsewhere. */
import colors from 'picocolors';
import { systemEnv } from '../../env.ts';
import type { ActorView } from '../../reading/views.ts';
import type { Scheduler } from '../../scheduler.ts';
import { printLine } from '../output.ts';
import { colored } from '../reading.ts';
import { plain, statusText } from '../wording.ts';
import type { Role } from './cast.ts';

const FRAME_MS = 120;

export class Board {
  readonly #scheduler: Scheduler;
  readonly #roles: readonly Role[];
  readonly #startMs = systemEnv.monotonicMs();
  readonly #views = new Map<string, ActorView>();
  readonly #told = new Map<string, string>();
  readonly #closing = new AbortController();
  readonly #live = process.stdout.isTTY;
  #drawn = 0;
  #running: Promise<void> | null = null;

  constructor(scheduler: Scheduler, roles: readonly Role[]) {
    this.#scheduler = scheduler;
    this.#roles = roles;
  }

  /** Follows the runs until `close`; fails where the store does. */
  open(): Promise<void> {
    this.#running = this.#follow();
    return this.#running;
  }

  /** What it last saw of a run. */
  view(role: Role): ActorView | undefined {
    return this.#views.get(role.id);
  }

  /** Resolves at the first look at which that holds. */
  async until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    while (!holds()) {
      await systemEnv.sleep(FRAME_MS / 2, signal);
    }
  }

  /** One line above the board that stays. */
  say(text: string): void {
    this.#erase();
    printLine(`${this.#time()} ${text}`);
    this.#draw();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running?.catch(() => undefined);
    this.#erase();
    if (this.#live) this.#draw();
    this.#drawn = 0;
  }

  async #follow(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const views = await Promise.all(this.#roles.map(({ id }) => this.#scheduler.get(id)));
      for (const view of views) if (view) this.#views.set(view.id, view);
      if (this.#live) {
        this.#erase();
        this.#draw();
      } else this.#tellChanges();
      await systemEnv.sleep(FRAME_MS, this.#closing.signal).catch(() => undefined);
    }
  }

  #erase(): void {
    if (this.#drawn > 0) process.stdout.write(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }

  #draw(): void {
    if (!this.#live) return;
    const lines = this.#roles.map((role) => this.#line(role));
    for (const line of lines) printLine(line);
    this.#drawn = lines.length;
  }

  #tellChanges(): void {
    for (const role of this.#roles) {
      const view = this.#views.get(role.id);
      const text = view ? `${statusText(view)} ${detail(view)}`.trim() : '';
      if (text === this.#told.get(role.id)) continue;
      this.#told.set(role.id, text);
      if (view) printLine(`${this.#time()} ${role.title}: ${text}`);
    }
  }

  #line(role: Role): string {
    const view = this.#views.get(role.id);
    const state = view ? colored(view) : colors.dim('…');
    const more = view ? detail(view) : '';
    return `  ${role.title.padEnd(22)} ${state} ${colors.dim(more || role.about)}`;
  }

  #time(): string {
    return colors.dim(`${((systemEnv.monotonicMs() - this.#startMs) / 1000).toFixed(1).padStart(5)} s`);
  }
}

function detail(view: ActorView): string {
  const parts: string[] = [];
  if (view.status === 'active' && view.attempt > 0) parts.push(`attempt ${view.attempt}`);
  const { page, of } = (view.progress ?? {}) as { page?: number; of?: number };
  if (view.status === 'active' && page !== undefined) parts.push(`page ${page} of ${of}`);
  const { error } = (view.context ?? {}) as { error?: { message: string } | null };
  if (view.status === 'active' && error) parts.push(plain(error.message));
  return parts.join(', ');
}
