/**
 * Who may ask for what. Without an `authorize` hook only this machine is answered, under a name that can mean nothing else: a
 * page whose own name was made to lead here (DNS rebinding) brings that name along. What changes something has to come from a
 * page of ours: other pages can neither set this content type without being asked first nor hide where they are.
 */
import type { DashboardAction, ResolvedDashboard } from './options.ts';
import { comesFromHere } from './peer.ts';

/** Why it is refused. */
export interface Refusal {
  readonly code: 'NOT_LOCAL' | 'WRONG_HOST' | 'NOT_AUTHORIZED' | 'READ_ONLY' | 'CROSS_SITE';
  readonly message: string;
}

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;
/** What proxies add: then the address of the connection is theirs, and says nothing of who asks. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

export async function refusalOf(
  request: Request,
  action: DashboardAction,
  { authorize, readOnly }: ResolvedDashboard,
): Promise<Refusal | null> {
  const strange = authorize ? null : strangerOf(request);
  if (strange) return strange;
  if (action.type !== 'read') {
    if (readOnly) return { code: 'READ_ONLY', message: 'This dashboard is read-only.' };
    const crossing = crossSite(request);
    if (crossing !== null) return { code: 'CROSS_SITE', message: crossing };
  }
  if (!authorize || (await authorized(authorize, request, action))) return null;
  return { code: 'NOT_AUTHORIZED', message: 'You may not do this.' };
}

function strangerOf(request: Request): Refusal | null {
  const forwarded = FORWARDED.find((name) => request.headers.has(name));
  if (!comesFromHere(request) || forwarded !== undefined) {
    return {
      code: 'NOT_LOCAL',
      message:
        'Without an `authorize` hook the dashboard answers only this machine. Give createDashboard() one: authorize: (request) => …',
    };
  }
  if (LOOPBACK_HOST.test(hostOf(request))) return null;
  return { code: 'WRONG_HOST', message: 'Open it as localhost or 127.0.0.1.' };
}

function hostOf(request: Request): string {
  return request.headers.get('host') ?? new URL(request.url).host;
}

/** Null: it comes from a page of ours, or from a program that is no browser. */
function crossSite(request: Request): string | null {
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) return 'Send JSON: content-type application/json.';
  const site = request.headers.get('sec-fetch-site');
  // What the browser itself says counts: behind a proxy the host we see may not be the one the page was opened by.
  if (site !== null) return site === 'same-origin' ? null : `This came from another page (${site}).`;
  const origin = request.headers.get('origin');
  if (origin !== null && !sameHost(origin, hostOf(request))) return 'This came from another origin.';
  return null;
}

/** By host and port: what ends TLS in front of us speaks another protocol than the page. */
function sameHost(origin: string, host: string): boolean {
  try {
    return new URL(origin).host.toLowerCase() === host.toLowerCase();
  } catch {
    return false;
  }
}

async function authorized(
  authorize: NonNullable<ResolvedDashboard['authorize']>,
  request: Request,
  action: DashboardAction,
): Promise<boolean> {
  try {
    const answer: unknown = await authorize(request, action);
    return answer === true;
  } catch {
    return false;
  }
}
