import type { JSX } from 'preact';
import type { QueueRow } from '../../wire.ts';
import { post } from '../api.ts';
import { useAnswer } from '../live.ts';
import { Link } from '../navigation.tsx';
import { Act, Heading, Loading, Problem, Table, Time } from '../parts.tsx';
import { session } from '../session.ts';
import { countText } from '../wording.ts';

export function QueuesPage(): JSX.Element {
  const { value, error } = useAnswer<{ items: QueueRow[] }>('/api/queues');
  const head = ['Queue', 'Due now', 'Due later', 'Oldest due', ...(session.readOnly ? [] : ['Actions'])];
  return (
    <>
      <Heading title="Queues" />
      {error === null ? null : <Problem>{error}</Problem>}
      {value ? (
        <Table label="Queues" head={head}>
          {value.items.map((row) => (
            <tr key={row.queue}>
              <td>
                <Link to={`/actors?status=active&queue=${encodeURIComponent(row.queue)}`}>{row.queue}</Link>
                {row.paused ? <span class="status cancelled">paused</span> : null}
              </td>
              <td class="number">{bounded(row.due)}</td>
              <td class="number">{bounded(row.later)}</td>
              <td>{row.oldestDueAt === null ? 'none' : <Time at={row.oldestDueAt} />}</td>
              {session.readOnly ? null : (
                <td>
                  <Act
                    label={`${row.paused ? 'Resume' : 'Pause'} ${row.queue}`}
                    work={() => post(`/api/queues/${encodeURIComponent(row.queue)}/${row.paused ? 'resume' : 'pause'}`)}
                  >
                    {row.paused ? 'Resume' : 'Pause'}
                  </Act>
                </td>
              )}
            </tr>
          ))}
        </Table>
      ) : (
        <Loading />
      )}
      <p class="note">While a queue is paused, what runs goes on and nothing new starts, in all processes.</p>
    </>
  );
}

function bounded(count: number): string {
  return count >= 10_000 ? `${countText(count)}+` : countText(count);
}
