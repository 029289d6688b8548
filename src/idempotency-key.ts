/** What an idempotency key is stored as. The store computes fingerprints by the same rule when a run claims its key again. */
import { hash } from 'node:crypto';

/** How long the record of a settled run answers for its key. */
export const KEY_RETENTION_MS = 30 * 86_400_000;

export function keyDigest(namespace: string, key: string): Buffer {
  return digest(namespace, key);
}

/** Of what is scheduled under a key: the name of the definition, and the input as it is stored. */
export function fingerprintOf(name: string, input: string | null): Buffer {
  return digest(name, input ?? '');
}

/** The length in front keeps ('ab', 'c') apart from ('a', 'bc'). By way of text, because that is what Node is quickest at. */
function digest(first: string, second: string): Buffer {
  return Buffer.from(hash('sha256', `${first.length}:${first}${second}`, 'hex'), 'hex');
}
