// A job that calls an HTTP endpoint. A failure is retried with growing waits; a refusal is not.
import { DropError, defineJob, RetryableError } from 'carillon';
import { z } from 'zod';

export const callEndpoint = defineJob({
  name: 'call-endpoint',
  input: z.object({ url: z.url(), body: z.json() }),
  retry: { maxRetries: 5, backoff: { base: '500ms' } },
  attemptTimeout: '30s',

  async run({ input, idempotencyKey, signal }) {
    const response = await fetch(input.url, {
      method: 'POST',
      // The key is the same for every attempt, so the other side can tell a repetition from a second order.
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      body: JSON.stringify(input.body),
      signal,
    });
    if (response.status >= 500) throw new RetryableError(`The endpoint answered ${response.status}.`);
    if (!response.ok) throw new DropError(`The endpoint refused: ${response.status}.`, { reason: 'refused' });
    return response.text();
  },
});
