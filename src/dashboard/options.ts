import { isFunction, kind, object, oneOf, optional, refuse } from '../option-checks.ts';

/** What somebody asks the dashboard to do. `read` is everything that changes nothing. */
export type DashboardAction =
  | { readonly type: 'read' }
  | { readonly type: 'send' | 'cancel' | 'run-now' | 'retry' | 'release' | 'fork'; readonly target: string }
  | { readonly type: 'queue.pause' | 'queue.resume'; readonly target: string }
  | { readonly type: 'cron.pause' | 'cron.resume' | 'cron.run'; readonly target: string }
  | { readonly type: 'retry-failed'; readonly target: string };

export interface DashboardOptions {
  /** Where it is mounted, '/carillon' for one. '/' unless given. */
  readonly basePath?: string;
  /** Nothing can be changed: every button is gone, and every request that would is refused. @defaultValue false */
  readonly readOnly?: boolean;
  /**
   * Asked before every request, with what it is about. Anything but `true` is a refusal, and so is an exception. Without it only
   * this machine is answered: requests that a node server took on a loopback address, under a loopback name.
   */
  readonly authorize?: (request: Request, action: DashboardAction) => boolean | Promise<boolean>;
}

export interface ResolvedDashboard {
  /** '' or '/carillon': without a slash at its end. */
  readonly basePath: string;
  readonly readOnly: boolean;
  readonly authorize: DashboardOptions['authorize'] | null;
}

const checks = object({
  basePath: optional(basePath, ''),
  readOnly: optional(oneOf(true, false), false),
  authorize: optional(kind<NonNullable<DashboardOptions['authorize']>>('a function', isFunction), null),
});

export function resolveDashboardOptions(options: unknown): ResolvedDashboard {
  return checks(options, '');
}

function basePath(value: unknown, option: string): string {
  if (typeof value !== 'string' || !/^\/$|^(\/[A-Za-z0-9._~-]+)+\/?$/.test(value) || value.split('/').includes('..'))
    refuse(option, "must be a path such as '/carillon'", value);
  return value.replace(/\/$/, '');
}
