import type { FlowContext } from '../../machines/flow.ts';
import { type ChildStatus, having, marks } from '../../machines/flow-progress.ts';
import type { Waiting } from '../reading/explain.ts';
import type { StoredFlow } from './plan.ts';

/** More of them are only counted. */
const MAX_NAMED = 5;

/** The children that have not ended, by how they are. */
export function childrenWaitedFor({ children, startedAt }: FlowContext, flow: StoredFlow): readonly Waiting[] {
  if (startedAt === null) return [];
  const told = { recovering: 'out of quick retries', started: 'under way', waiting: 'to come after others' };
  return Object.entries(told).flatMap(([status, what]) => {
    const places = having(children, status as ChildStatus);
    if (places.length === 0) return [];
    const named = places.slice(0, MAX_NAMED).map((place) => flow.children[place]?.key ?? '');
    const more = places.length > named.length ? ` and ${places.length - named.length} more` : '';
    return [
      { for: 'child' as const, detail: `${places.length} of ${children.length} ${what}: ${named.join(', ')}${more}` },
    ];
  });
}

/** How many children there are of each kind: '2 done, 1 started'. */
export function countText(children: string): string {
  const counts = (Object.keys(marks) as ChildStatus[]).map(
    (status) => [having(children, status).length, status] as const,
  );
  return counts
    .filter(([count]) => count > 0)
    .map(([count, status]) => `${count} ${status}`)
    .join(', ');
}
