import type { ErrorReply } from '../wire.ts';
import { here } from './session.ts';

/** What was refused or failed, in words for whoever looks at the page. */
export class ApiError extends Error {
  readonly code: string;
  constructor({ error, code }: ErrorReply) {
    super(error);
    this.code = code;
  }
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return answerOf<T>(await fetch(here(path), signal ? { signal } : {}));
}

export async function post<T>(path: string, body: object = {}): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  return answerOf<T>(await fetch(here(path), { method: 'POST', headers, body: JSON.stringify(body) }));
}

async function answerOf<T>(response: Response): Promise<T> {
  const answer = (await response.json().catch(() => null)) as T | ErrorReply | null;
  if (response.ok && answer !== null) return answer as T;
  throw new ApiError((answer as ErrorReply | null) ?? { code: 'FAILED', error: `It answered ${response.status}.` });
}
