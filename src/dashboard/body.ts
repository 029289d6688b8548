import { InvalidInputError } from '../errors.ts';

/** Of a request: a reason, or an event with its data. */
const MOST_BYTES = 1_048_576;

/** The JSON object in a request, read no further than its bound. @throws InvalidInputError */
export async function readBody(request: Request): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MOST_BYTES) throw new InvalidInputError('body', `takes more than ${MOST_BYTES} bytes.`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const value = parsed(text === '' ? '{}' : text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidInputError('body', 'must be a JSON object.');
  return value as Readonly<Record<string, unknown>>;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidInputError('body', 'must be JSON.');
  }
}
