/** The runs of the demo: what is scheduled, and what is promised of each. */
import { approval } from '../../../examples/approval.ts';
import { callEndpoint } from '../../../examples/call-endpoint.ts';
import { delayedGreeting } from '../../../examples/delayed-greeting.ts';
import { longReport } from '../../../examples/long-report.ts';
import type { Scheduler } from '../../scheduler.ts';
import type { Endpoint } from './endpoint.ts';

export interface Role {
  readonly id: string;
  readonly title: string;
  /** What it shows, in a few words. */
  readonly about: string;
  /** How long after it was scheduled it is due. */
  readonly delayMs: number;
}

export interface Cast {
  readonly endpoint: Role;
  readonly greeting: Role;
  readonly approved: Role;
  readonly unanswered: Role;
  readonly report: Role;
}

export const DELAY_MS = 2_500;
export const PATIENCE_MS = 8_000;
export const PAGES = 12;
const MS_PER_PAGE = 400;

export async function scheduleCast(scheduler: Scheduler, { url }: Endpoint): Promise<Cast> {
  const order = { url, body: { order: 'A-17' } };
  const [endpoint, greeting, approved, unanswered, report] = await Promise.all([
    scheduler.schedule(callEndpoint, order, { idempotencyKey: 'order-A-17' }),
    scheduler.schedule(delayedGreeting, { name: 'Ada' }, { delay: DELAY_MS }),
    scheduler.schedule(approval, { request: 'a new bell', patienceMs: 60_000 }),
    scheduler.schedule(approval, { request: 'a second bell', patienceMs: PATIENCE_MS }),
    scheduler.schedule(longReport, { pages: PAGES, msPerPage: MS_PER_PAGE }),
  ]);
  return {
    endpoint: { id: endpoint.id, title: 'call-endpoint', about: 'the endpoint fails twice', delayMs: 0 },
    greeting: { id: greeting.id, title: 'delayed-greeting', about: `due ${DELAY_MS} ms later`, delayMs: DELAY_MS },
    approved: { id: approved.id, title: 'approval, answered', about: 'waits for a person', delayMs: 0 },
    unanswered: { id: unanswered.id, title: 'approval, unanswered', about: 'gives up by a timer', delayMs: 0 },
    report: { id: report.id, title: 'long-report', about: 'its worker is killed', delayMs: 0 },
  };
}
