/**
 * A way round in a graph of positions, as a list that begins and ends with the same one; null where there is none. From each node
 * the lists lead to those it comes after; the way is given in the order in which they would have to happen.
 */
export function cycleIn(after: readonly (readonly number[])[]): readonly number[] | null {
  const cleared = new Set<number>();
  for (const start of after.keys()) {
    if (cleared.has(start)) continue;
    // A chain may be thousands long, so that the way is kept here and not on the call stack.
    const way = [start];
    const places = new Map([[start, 0]]);
    const taken = [0];
    while (way.length > 0) {
      const node = way.at(-1) as number;
      const next = cleared.has(node) ? undefined : after[node]?.[taken.at(-1) as number];
      if (next === undefined) {
        cleared.add(node);
        places.delete(node);
        way.pop();
        taken.pop();
        continue;
      }
      taken[taken.length - 1] = (taken.at(-1) as number) + 1;
      const place = places.get(next);
      if (place !== undefined) return [...way.slice(place), next].reverse();
      places.set(next, way.length);
      way.push(next);
      taken.push(0);
    }
  }
  return null;
}
