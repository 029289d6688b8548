import type { JSX } from 'preact';
import type { Overview } from '../../wire.ts';
import { useNow } from '../clock.ts';
import { useAnswer } from '../live.ts';
import { Link } from '../navigation.tsx';
import { Empty, Heading, Loading, Panel, Problem, Table, Time } from '../parts.tsx';
import { boundedText, countText, durationText } from '../wording.ts';

export function OverviewPage(): JSX.Element {
  const { value, error } = useAnswer<Overview>('/api/overview');
  return (
    <>
      <Heading title="Overview" />
      {error === null ? null : <Problem>{error}</Problem>}
      {value ? <Numbers overview={value} /> : <Loading />}
    </>
  );
}

function Numbers({ overview }: { overview: Overview }): JSX.Element {
  const now = useNow();
  const late = overview.oldestDueAt === null ? 0 : Math.max(0, now - overview.oldestDueAt);
  const ended = overview.minutes.reduce((sum, { done, dropped }) => sum + done + dropped, 0);
  return (
    <>
      <dl class="tiles">
        <Tile name="Active" value={boundedText(overview.active)} to="/actors?status=active" />
        <Tile name="Due now" value={boundedText(overview.dueNow)} to="/queues" />
        <Tile name="Due later" value={boundedText(overview.later)} to="/queues" />
        <Tile
          name="Oldest waits"
          value={overview.dueNow.count === 0 ? '–' : durationText(late)}
          bad={late > 10_000}
          to="/queues"
        />
        <Tile
          name="Recovering"
          value={countText(overview.recovering.count, overview.recovering.exact)}
          bad={overview.recovering.count > 0}
          to="/actors?status=active&state=recovering"
        />
        <Tile
          name="Quarantined"
          value={countText(overview.quarantined)}
          bad={overview.quarantined > 0}
          to="/quarantine"
        />
        {overview.parked > 0 ? (
          <Tile name="Parked" value={countText(overview.parked)} bad to="/actors?status=active" />
        ) : null}
        <Tile name="Ended, last hour" value={endedText(ended, overview)} to="/actors?status=done" />
      </dl>
      <div class="columns">
        <Panel title="Ended per minute, last hour">
          <Throughput overview={overview} />
        </Panel>
        <Panel title="Where the active ones are">
          <StateBars overview={overview} />
        </Panel>
      </div>
      <div class="columns">
        <Panel title="Queues">
          <Table label="Queues" head={['Queue', 'Due', 'Later', 'Oldest']}>
            {overview.queues.map((queue) => (
              <tr key={queue.queue}>
                <td>
                  <Link to={`/actors?status=active&queue=${encodeURIComponent(queue.queue)}`}>{queue.queue}</Link>
                  {queue.paused ? <span class="status cancelled">paused</span> : null}
                </td>
                <td class="number">{countText(queue.due)}</td>
                <td class="number">{countText(queue.later)}</td>
                <td>{queue.oldestDueAt === null ? '' : <Time at={queue.oldestDueAt} />}</td>
              </tr>
            ))}
          </Table>
        </Panel>
        <Panel title="Workers">
          {overview.workers.length === 0 ? (
            <Empty>No worker is alive. Start one with “carillon worker”.</Empty>
          ) : (
            <Table label="Workers" head={['Worker', 'Heartbeat', 'Holds']}>
              {overview.workers.map((worker) => (
                <tr key={worker.id}>
                  <td title={worker.id}>
                    {worker.host} · {worker.pid}
                  </td>
                  <td>
                    <span class={worker.alive ? 'status success' : 'status dropped'}>
                      {worker.alive ? 'alive' : 'silent'}
                    </span>{' '}
                    <Time at={worker.beatAt} />
                  </td>
                  <td class="number">
                    {worker.held} of {worker.concurrency}
                  </td>
                </tr>
              ))}
            </Table>
          )}
        </Panel>
      </div>
      {overview.setAside.length > 0 ? (
        <Panel title="Set aside by the sweep">
          <Table label="Set aside" head={['Duty', 'Target', 'Error', 'Next try']}>
            {overview.setAside.map((row) => (
              <tr key={`${row.duty} ${row.target}`}>
                <td>{row.duty}</td>
                <td class="id">{row.target}</td>
                <td>{row.error}</td>
                <td>
                  <Time at={row.nextAt} />
                </td>
              </tr>
            ))}
          </Table>
        </Panel>
      ) : null}
    </>
  );
}

function Tile({
  name,
  value,
  to,
  bad = false,
}: {
  name: string;
  value: string;
  to: string;
  bad?: boolean;
}): JSX.Element {
  return (
    <div class={bad ? 'tile bad' : 'tile'}>
      <dt>{name}</dt>
      <dd>
        <Link to={to} aria-label={`${name}: ${value}`}>
          {value}
        </Link>
      </dd>
    </div>
  );
}

/** Of more than can be counted, the newest are. */
function endedText(ended: number, { now, minutesSince }: Overview): string {
  return minutesSince > now - 3_590_000 ? `${countText(ended)}+` : countText(ended);
}

function Throughput({ overview: { minutes } }: { overview: Overview }): JSX.Element {
  const most = Math.max(1, ...minutes.map(({ done, dropped }) => done + dropped));
  const total = minutes.reduce((sum, { done, dropped }) => sum + done + dropped, 0);
  const dropped = minutes.reduce((sum, minute) => sum + minute.dropped, 0);
  return (
    <>
      <svg
        class="bars"
        viewBox="0 0 600 96"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${total} runs ended in the last hour, ${dropped} of them dropped; at most ${most} in a minute`}
      >
        {minutes.map((minute, index) => {
          const height = (count: number): number => (count === 0 ? 0 : Math.max(2, (count / most) * 92));
          const [ok, bad] = [height(minute.done), height(minute.dropped)];
          return (
            <g key={minute.at}>
              <title>{`${new Date(minute.at).toISOString().slice(11, 16)} UTC: ${minute.done} done, ${minute.dropped} dropped`}</title>
              <rect class="base" x={index * 10 + 1} y={94} width={8} height={2} />
              <rect class="ok" x={index * 10 + 1} y={94 - ok} width={8} height={ok} />
              <rect class="bad" x={index * 10 + 1} y={94 - ok - bad} width={8} height={bad} />
            </g>
          );
        })}
      </svg>
      <p class="note">
        {countText(total)} ended, {countText(dropped)} of them dropped. At most {countText(most)} a minute.
      </p>
    </>
  );
}

function StateBars({ overview: { states, statesExact } }: { overview: Overview }): JSX.Element {
  const most = Math.max(1, ...states.map(({ count }) => count));
  if (states.length === 0) return <Empty>Nothing is active.</Empty>;
  return (
    <ul class="state-bars">
      {states.map(({ state, count }) => (
        <li key={state}>
          <span class="bar-name">
            {state === 'not begun' || state.includes('.') ? (
              state
            ) : (
              <Link to={`/actors?status=active&state=${encodeURIComponent(state)}`}>{state}</Link>
            )}
          </span>
          <meter min={0} max={most} value={count} aria-label={`in ${state}`} />
          <span class="number">{countText(count, statesExact)}</span>
        </li>
      ))}
    </ul>
  );
}
