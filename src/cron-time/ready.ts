/** What was read once is kept ready: the newest of it. */
const MAX_READY = 500;

export function ready<K, V>(known: Map<K, V>, key: K, make: (key: K) => V, limit = MAX_READY): V {
  const old = known.get(key);
  if (old !== undefined) return old;
  const value = make(key);
  const [oldest] = known.keys();
  if (known.size >= limit && oldest !== undefined) known.delete(oldest);
  known.set(key, value);
  return value;
}
