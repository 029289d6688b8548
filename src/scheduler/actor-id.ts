/**
 * Ids are lower case UUIDs, made by us. Anything else names no actor, and must not reach the store: it would refuse the whole
 * question, of which others have a part.
 */
export function isActorId(id: unknown): boolean {
  return typeof id === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
}
