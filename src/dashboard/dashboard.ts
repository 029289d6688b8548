/** The dashboard as a Fetch handler: it mounts wherever a `Request` comes in and a `Response` goes out. */
import { CarillonError } from '../errors.ts';
import type { Scheduler } from '../scheduler.ts';
import { Desk } from './desk.ts';
import { refusalOf } from './guard.ts';
import { type DashboardOptions, resolveDashboardOptions } from './options.ts';
import { failure } from './replies.ts';
import { missing, page, type Route, routes } from './routes.ts';

export type Dashboard = (request: Request) => Promise<Response>;

/**
 * Shows what a scheduler's actors do, and lets operators act on them: a handler for Hono, Next and anything else that speaks
 * Fetch; `toNodeListener` makes one for Express, Fastify and node:http of it. Pages load nothing from elsewhere. Who may look is
 * decided by `authorize`; without it only this machine is answered. What `redact` of the scheduler names is not shown.
 * @throws InvalidOptionError
 */
export function createDashboard(scheduler: Scheduler, options: DashboardOptions = {}): Dashboard {
  const desk = new Desk(scheduler, resolveDashboardOptions(options));
  const { basePath } = desk.options;
  return async (request) => {
    const url = new URL(request.url);
    const under = url.pathname === basePath || url.pathname.startsWith(`${basePath}/`);
    if (!under) return missing('page');
    const path = url.pathname.slice(basePath.length) || '/';
    const found = routes.flatMap((route) => {
      const params = match(route, path);
      return params ? [{ route, params }] : [];
    });
    const asked = found.find(({ route }) => route.method === request.method);
    const params = asked?.params ?? {};
    const action = asked?.route.action(params) ?? ({ type: 'read' } as const);
    const refusal = await refusalOf(request, action, desk.options);
    if (refusal) return failure(403, refusal.code, refusal.message);
    const visit = { request, url, params, desk };
    try {
      if (asked) return await asked.route.answer(visit);
      if (found.length > 0) return failure(405, 'METHOD', 'It is not asked for like that.');
      const isPage = request.method === 'GET' && !path.startsWith('/api/') && !path.startsWith('/assets/');
      return isPage ? page(visit) : missing('page');
    } catch (error) {
      return failed(error, desk);
    }
  };
}

function match({ path }: Route, asked: string): Readonly<Record<string, string>> | null {
  const [wanted, given] = [path.split('/'), asked.split('/')];
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const found = given[index] ?? '';
    if (!part.startsWith(':')) {
      if (part !== found) return null;
      continue;
    }
    try {
      params[part.slice(1)] = decodeURIComponent(found);
    } catch {
      return null;
    }
  }
  return params;
}

const STATUS: Readonly<Record<string, number>> = {
  ACTOR_NOT_FOUND: 404,
  ACTOR_SETTLED: 409,
  INVALID_STATE: 409,
  IDEMPOTENCY_CONFLICT: 409,
  INVALID_INPUT: 400,
  INVALID_OPTION: 400,
  UNKNOWN_DEFINITION: 400,
  SCHEDULER_STOPPED: 503,
};

function failed(error: unknown, { insight }: Desk): Response {
  if (error instanceof CarillonError) return failure(STATUS[error.code] ?? 400, error.code, error.message);
  // What the database says of itself is not for everybody who may look.
  insight.failed(error);
  return failure(500, 'FAILED', 'That went wrong here; the log of this process says why.');
}
