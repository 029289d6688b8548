/** Everything the dashboard answers: one row for each address, with what it means to ask for it. */
import type { AnyEventObject } from 'xstate';
import { InvalidInputError } from '../errors.ts';
import { svgText } from '../inspect/drawing.ts';
import type { FailedSelector, RetryFailedOptions } from '../operations/operations.ts';
import { readActor, readActors, readStep } from './actors.ts';
import { ICON, readBundle, shell } from './assets.ts';
import { readBody } from './body.ts';
import { readCrons } from './crons.ts';
import { definitionDetail, definitionRows, readChartOf } from './definitions.ts';
import type { Desk } from './desk.ts';
import type { DashboardAction } from './options.ts';
import { queuesOf } from './overview.ts';
import { failure, json, reply } from './replies.ts';

/** A request on its way: what is in its address, and what it is asked of. */
export interface Visit {
  readonly request: Request;
  readonly url: URL;
  readonly params: Readonly<Record<string, string>>;
  readonly desk: Desk;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /** '/api/actors/:id' */
  readonly path: string;
  action(params: Readonly<Record<string, string>>): DashboardAction;
  answer(visit: Visit): Promise<Response> | Response;
}

const DONE = { ok: true };

export const routes: readonly Route[] = [
  read('/assets/app.js', async () => reply((await readBundle()).script, 'text/javascript; charset=utf-8')),
  read('/assets/app.css', async () => reply((await readBundle()).style, 'text/css; charset=utf-8')),
  read('/assets/icon.svg', () => reply(ICON, 'image/svg+xml')),

  read('/api/overview', async ({ desk }) => json(await desk.overview())),
  read('/api/actors', async ({ desk, url }) => json(await readActors(desk.scheduler, url.searchParams, desk.redact))),
  read('/api/actors/:id', async ({ desk, params }) => json(await readActor(desk.scheduler, desk.insight, id(params)))),
  read('/api/actors/:id/steps/:seq', async ({ desk, params }) => {
    return json(await readStep(desk.scheduler, desk.insight, id(params), Number(params['seq'])));
  }),
  read('/api/definitions', async ({ desk }) => json({ items: definitionRows(await desk.survey()) })),
  read('/api/definitions/:name/:version', async ({ desk, params }) => {
    const [name, version] = definition(params);
    const detail = definitionDetail(await desk.survey(), name, version);
    return detail ? json(detail) : missing('definition');
  }),
  read('/api/heat/:name/:version', async ({ desk, params }) => json(await desk.heat(...definition(params)))),
  read('/api/charts/:name/:version', async ({ desk, params }) => {
    const found = await readChartOf(desk.insight, desk.pictures, ...definition(params));
    return found ? json(found) : missing('definition');
  }),
  read('/api/charts/:name/:version/svg', async ({ desk, params }) => {
    const found = await readChartOf(desk.insight, desk.pictures, ...definition(params));
    return found?.drawing ? reply(svgText(found.drawing), 'image/svg+xml') : missing('drawing');
  }),
  read('/api/crons', async ({ desk }) => json({ items: await readCrons(desk.scheduler, desk.insight) })),
  read('/api/queues', async ({ desk }) => json({ items: queuesOf(await desk.scheduler.stats()) })),
  read('/api/live', ({ desk, request }) => desk.live.open(request.signal) ?? failure(503, 'BUSY', 'Too many pages.')),

  change('/api/actors/:id/send', 'send', async ({ desk, params, request }) => {
    const { event } = await readBody(request);
    if (typeof event !== 'object' || event === null) throw new InvalidInputError('event', 'must be an object.');
    await desk.scheduler.send(id(params), event as AnyEventObject);
  }),
  change('/api/actors/:id/cancel', 'cancel', async ({ desk, params, request }) => {
    const { reason } = await readBody(request);
    if (typeof reason === 'string' && reason !== '') await desk.scheduler.cancel(id(params), reason);
    else await desk.scheduler.cancel(id(params));
  }),
  change('/api/actors/:id/run-now', 'run-now', ({ desk, params }) => desk.scheduler.runNow(id(params))),
  change('/api/actors/:id/retry', 'retry', ({ desk, params }) => desk.scheduler.retry(id(params))),
  change('/api/actors/:id/release', 'release', ({ desk, params }) => desk.scheduler.release(id(params))),
  change('/api/queues/:id/pause', 'queue.pause', ({ desk, params }) => desk.scheduler.pauseQueue(id(params))),
  change('/api/queues/:id/resume', 'queue.resume', ({ desk, params }) => desk.scheduler.resumeQueue(id(params))),
  change('/api/crons/:id/pause', 'cron.pause', ({ desk, params }) => desk.scheduler.pauseCron(id(params))),
  change('/api/crons/:id/resume', 'cron.resume', ({ desk, params }) => desk.scheduler.resumeCron(id(params))),
  change('/api/crons/:id/run', 'cron.run', async ({ desk, params }) => {
    await desk.scheduler.runCron(id(params));
  }),
  {
    method: 'POST',
    path: '/api/actors/:id/fork',
    action: (params) => ({ type: 'fork', target: id(params) }),
    answer: async ({ desk, params, request }) => {
      const { atSeq } = await readBody(request);
      return json({ id: (await desk.scheduler.fork(id(params), { atSeq: Number(atSeq) })).id });
    },
  },
  {
    method: 'POST',
    path: '/api/retry-failed',
    action: () => ({ type: 'retry-failed', target: '' }),
    answer: async ({ desk, request }) => {
      const { name, queue, ids, error, preview } = await readBody(request);
      const selector = {
        ...(name !== undefined && { name }),
        ...(queue !== undefined && { queue }),
        ...(ids !== undefined && { ids }),
      };
      const options = { ...(error !== undefined && error !== '' && { error }), preview: preview !== false };
      const found = await desk.scheduler.retryFailed(selector as FailedSelector, options as RetryFailedOptions);
      return json({ ...found, conflicts: found.conflicts.length, pruned: found.pruned ?? null });
    },
  },
];

/** What the page itself shows at an address. */
export function page({ desk }: Visit): Response {
  return reply(shell(desk.options, desk.insight.namespace), 'text/html; charset=utf-8');
}

export function missing(what: string): Response {
  return failure(404, 'NOT_FOUND', `There is no such ${what}.`);
}

function read(path: string, answer: Route['answer']): Route {
  return { method: 'GET', path, action: () => ({ type: 'read' }), answer };
}

type Change = Exclude<DashboardAction['type'], 'read' | 'fork' | 'retry-failed'>;

function change(path: string, type: Change, work: (visit: Visit) => Promise<void>): Route {
  return {
    method: 'POST',
    path,
    action: (params) => ({ type, target: id(params) }),
    answer: async (visit) => {
      await work(visit);
      return json(DONE);
    },
  };
}

function id(params: Readonly<Record<string, string>>): string {
  return params['id'] ?? '';
}

function definition(params: Readonly<Record<string, string>>): [name: string, version: number] {
  return [params['name'] ?? '', Number(params['version'])];
}
