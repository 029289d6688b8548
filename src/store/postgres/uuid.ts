/** Ids come from people too. What is no UUID was never an id, and Postgres would refuse the question. */
export function isUuid(id: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id);
}
