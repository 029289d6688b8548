/** What every answer has in common: nothing is loaded from elsewhere, nothing is framed, nothing is kept. */

const PROTECTION: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export function reply(
  body: string | ReadableStream<Uint8Array> | null,
  type: string,
  {
    status = 200,
    headers = {},
  }: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): Response {
  return new Response(body, {
    status,
    headers: { ...PROTECTION, 'content-type': type, 'cache-control': 'no-store', ...headers },
  });
}

export function json(value: object, status = 200): Response {
  return reply(JSON.stringify(value), 'application/json; charset=utf-8', { status });
}

export function failure(status: number, code: string, error: string): Response {
  return json({ code, error }, status);
}
