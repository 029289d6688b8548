import type { JSX } from 'preact';
import type { CronRow } from '../../wire.ts';
import { post } from '../api.ts';
import { useAnswer } from '../live.ts';
import { Link } from '../navigation.tsx';
import { Act, ActorLink, Empty, Heading, Loading, Problem, Table, Time } from '../parts.tsx';
import { session } from '../session.ts';

export function CronsPage(): JSX.Element {
  const { value, error } = useAnswer<{ items: CronRow[] }>('/api/crons');
  return (
    <>
      <Heading title="Crons" />
      {error === null ? null : <Problem>{error}</Problem>}
      {value ? <CronTable rows={value.items} /> : <Loading />}
    </>
  );
}

function CronTable({ rows }: { rows: readonly CronRow[] }): JSX.Element {
  if (rows.length === 0)
    return <Empty>There are no crons. Declare them with applyCrons(), or “carillon cron set”.</Empty>;
  const head = ['Cron', 'Times', 'Next fires', 'Last run', 'Fires', ...(session.readOnly ? [] : ['Actions'])];
  return (
    <Table label="Crons" head={head}>
      {rows.map((cron) => (
        <tr key={cron.id}>
          <td>
            <ActorLink id={cron.actorId} name={cron.id} />
            {cron.state === 'waiting' ? null : <span class="status cancelled">{cron.state}</span>}
            <div class="note">
              runs <Link to={`/actors?label=${encodeURIComponent(`cron:${cron.id}`)}`}>{cron.job}</Link>
              {cron.running > 0 ? `, ${cron.running} now` : ''}
            </div>
            {cron.pausedBecause === null ? null : <div class="why">{cron.pausedBecause}</div>}
          </td>
          <td>
            <code>{cron.times}</code>
            <div class="note">{cron.timezone}</div>
          </td>
          <td>
            {cron.next.length === 0 ? (
              'none'
            ) : (
              <ul class="fires">
                {cron.next.map((at) => (
                  <li key={at}>
                    <Time at={at} />
                  </li>
                ))}
              </ul>
            )}
          </td>
          <td>
            {cron.last ? (
              <>
                <ActorLink id={cron.last.id} name={cron.last.status.replace('failed_', '')} />{' '}
                <Time at={cron.last.at} />
              </>
            ) : (
              'never'
            )}
          </td>
          <td class="number">
            {cron.fires}
            {cron.missed + cron.skipped > 0 ? (
              <div class="note">
                {cron.missed} missed, {cron.skipped} skipped
              </div>
            ) : null}
          </td>
          {session.readOnly ? null : (
            <td>
              <div class="row">
                <Act label={`Run now: ${cron.id}`} work={() => post(`/api/crons/${encodeURIComponent(cron.id)}/run`)}>
                  Run now
                </Act>
                {cron.state === 'paused' ? (
                  <Act
                    label={`Resume ${cron.id}`}
                    work={() => post(`/api/crons/${encodeURIComponent(cron.id)}/resume`)}
                  >
                    Resume
                  </Act>
                ) : null}
                {cron.state === 'waiting' ? (
                  <Act label={`Pause ${cron.id}`} work={() => post(`/api/crons/${encodeURIComponent(cron.id)}/pause`)}>
                    Pause
                  </Act>
                ) : null}
              </div>
            </td>
          )}
        </tr>
      ))}
    </Table>
  );
}
