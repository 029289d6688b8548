/** One actor: where it is in its statechart, how it came there, what it waits for, and what can be done about it. */
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { ChartState } from '../../../inspect/chart-model.ts';
import type { ActorDetail, ChartReply, StepDetail } from '../../wire.ts';
import { post } from '../api.ts';
import { ChartView } from '../chart.tsx';
import { useAnswer } from '../live.ts';
import { go, Link, type Place, withQuery } from '../navigation.tsx';
import { Act, ActorLink, Empty, Heading, Loading, Panel, Payload, Problem, States, Status, Time } from '../parts.tsx';
import { CancelForm, SendForms } from '../sending.tsx';
import { session } from '../session.ts';
import { Timeline } from '../timeline.tsx';

export function ActorPage({ place, id }: { place: Place; id: string }): JSX.Element {
  const { value: actor, error } = useAnswer<ActorDetail>(`/api/actors/${id}`);
  const chartPath = actor ? `/api/charts/${encodeURIComponent(actor.name)}/${actor.version}` : null;
  const chart = useAnswer<ChartReply>(chartPath, { once: true });
  useEffect(() => {
    if (actor) document.title = `${actor.name} · Carillon`;
  }, [actor?.name]);
  if (!actor) {
    return (
      <>
        <Heading title="Actor" />
        {error === null ? <Loading /> : <Problem>{error}</Problem>}
      </>
    );
  }
  const at = place.query.get('at');
  const seq = at === null ? null : Number(at);
  const causes = causesIn(chart.value);
  return (
    <>
      <Heading title={actor.name}>
        <Status row={actor} />
        <States states={actor.states} />
        <span class="id">{actor.id}</span>
      </Heading>
      {error === null ? null : <Problem>{error}</Problem>}
      {session.readOnly ? null : <Actions actor={actor} />}
      <div class="columns wide-left">
        <div>
          <Panel title="Statechart" aside={seq === null ? null : <Past place={place} seq={seq} />}>
            <ChartView reply={chart.value} marks={marksOf(actor, seq)} />
          </Panel>
          {seq === null ? <Waiting actor={actor} /> : <Step actor={actor} seq={seq} />}
        </div>
        <div>
          <Panel title="Timeline">
            <Timeline
              rows={actor.history}
              leftOut={actor.historyLeftOut}
              selected={seq}
              causes={causes}
              select={(next) =>
                go(withQuery(place, { at: next === null ? null : String(next) }), { replace: seq !== null })
              }
            />
          </Panel>
          <Facts actor={actor} causes={causes} />
        </div>
      </div>
      <div class="columns">
        <Panel title="Input">
          <Payload title="Input" shown={actor.input} />
        </Panel>
        {actor.output ? (
          <Panel title="Output">
            <Payload title="Output" shown={actor.output} />
          </Panel>
        ) : null}
        <Panel title="Context">
          <Payload title="Context" shown={actor.context} />
        </Panel>
        {actor.progress ? (
          <Panel title="Progress">
            <Payload title="Progress" shown={actor.progress} />
          </Panel>
        ) : null}
      </div>
    </>
  );
}

/** The states after a step of the past, and those before it; or how it is now. */
function marksOf({ states, history }: ActorDetail, seq: number | null): { active: Set<string>; left: Set<string> } {
  const index = seq === null ? 0 : history.findIndex((row) => row.seq === seq);
  const before = history[index + 1]?.states ?? [];
  if (seq === null) return { active: new Set(states), left: new Set(history[0] ? before : []) };
  return { active: new Set(history[index]?.states ?? []), left: new Set(before) };
}

/** Types of events as the statechart words them. */
function causesIn(reply: ChartReply | null): ReadonlyMap<string, string> {
  const below = (state: ChartState): ChartState[] => [state, ...state.children.flatMap(below)];
  const ways = reply?.chart ? below(reply.chart.root).flatMap(({ transitions }) => transitions) : [];
  return new Map(ways.flatMap(({ event, cause }) => (event === null ? [] : [[event, cause] as const])));
}

function Past({ place, seq }: { place: Place; seq: number }): JSX.Element {
  return (
    <span class="past">
      as it was after event {seq} · <Link to={withQuery(place, { at: null })}>back to now</Link>
    </span>
  );
}

function Actions({ actor }: { actor: ActorDetail }): JSX.Element | null {
  const may = new Set(actor.may);
  const url = `/api/actors/${actor.id}`;
  if (may.size === 0) return null;
  return (
    <div class="actions" role="group" aria-label="Actions">
      {may.has('run-now') ? <Act work={() => post(`${url}/run-now`)}>Run now</Act> : null}
      {may.has('retry') ? <Act work={() => post(`${url}/retry`)}>Retry</Act> : null}
      {may.has('release') ? <Act work={() => post(`${url}/release`)}>Release</Act> : null}
      {may.has('send') ? <SendForms actor={actor} /> : null}
      {may.has('cancel') ? <CancelForm id={actor.id} /> : null}
    </div>
  );
}

function Waiting({ actor }: { actor: ActorDetail }): JSX.Element {
  return (
    <Panel title={actor.settledAt === null ? 'What it waits for' : 'How it ended'}>
      {actor.error ? (
        <p class="error-text">
          <strong>{actor.error.name}</strong>
          {actor.error.code === null ? '' : ` (${actor.error.code})`}: {actor.error.message}
        </p>
      ) : null}
      <ul class="waiting">
        {actor.waitingFor.map(({ detail, at }) => (
          <li key={detail}>
            {detail}
            {at === null ? null : (
              <>
                {' '}
                (<Time at={at} />)
              </>
            )}
          </li>
        ))}
      </ul>
      {actor.effects.length > 0 ? (
        <ul class="waiting" aria-label="Effects">
          {actor.effects.map((effect) => (
            <li key={effect.id}>
              <code>{effect.src}</code>{' '}
              {effect.running ? 'is running' : effect.childId === null ? 'is to run' : 'is done by'}
              {effect.childId === null ? null : (
                <>
                  {' '}
                  <ActorLink id={effect.childId} />
                </>
              )}
            </li>
          ))}
        </ul>
      ) : null}
    </Panel>
  );
}

/** What one event brought, and what the machine remembered after it. */
function Step({ actor, seq }: { actor: ActorDetail; seq: number }): JSX.Element {
  const row = actor.history.find((candidate) => candidate.seq === seq);
  const { value, error } = useAnswer<StepDetail>(`/api/actors/${actor.id}/steps/${seq}`, { once: true });
  return (
    <Panel
      title={`After event ${seq}`}
      aside={
        <>
          {row ? <Time at={row.at} /> : null}
          {session.readOnly || !actor.replayable ? null : <Fork id={actor.id} seq={seq} />}
        </>
      }
    >
      {row ? (
        <p>
          <code>{row.event}</code> led to <States states={row.states} />
        </p>
      ) : null}
      {error === null ? null : <Problem>{error}</Problem>}
      {value ? (
        <>
          <h3>Event</h3>
          <Payload title={`Event ${seq}`} shown={value.event} />
          <h3>Context after it</h3>
          {value.context ? (
            <Payload title={`Context after event ${seq}`} shown={value.context} />
          ) : (
            <Empty>
              {actor.replayable
                ? 'None is known here.'
                : 'This process has no code for its version, so its past cannot be taken again.'}
            </Empty>
          )}
        </>
      ) : null}
    </Panel>
  );
}

/** A copy from here on, held until somebody releases it. */
function Fork({ id, seq }: { id: string; seq: number }): JSX.Element {
  const fork = async (): Promise<void> => {
    const copy = await post<{ readonly id: string }>(`/api/actors/${id}/fork`, { atSeq: seq });
    go(`/actors/${copy.id}`);
    scrollTo(0, 0);
  };
  return <Act work={fork}>Fork from here</Act>;
}

function Facts({ actor, causes }: { actor: ActorDetail; causes: ReadonlyMap<string, string> }): JSX.Element {
  return (
    <Panel title="Facts">
      <dl class="facts">
        <dt>Definition</dt>
        <dd>
          <Link to={`/definitions/${encodeURIComponent(actor.name)}/${actor.version}`}>
            {actor.name} v{actor.version}
          </Link>
        </dd>
        <dt>Queue</dt>
        <dd>
          {actor.queue}, priority {actor.priority}
        </dd>
        <dt>Made</dt>
        <dd>
          <Time at={actor.createdAt} />
        </dd>
        {actor.settledAt === null ? null : (
          <>
            <dt>Ended</dt>
            <dd>
              <Time at={actor.settledAt} />
            </dd>
          </>
        )}
        {actor.attempt > 0 ? (
          <>
            <dt>Attempt</dt>
            <dd>{actor.attempt}</dd>
          </>
        ) : null}
        {actor.recovering ? (
          <>
            <dt>Recovering</dt>
            <dd>
              {actor.recovering.attempt}
              {actor.recovering.of === null ? '' : ` of ${actor.recovering.of}`}, next{' '}
              <Time at={actor.recovering.nextAt} />
            </dd>
          </>
        ) : null}
        {actor.timers.map((timer) => [
          <dt key={`${timer.id} name`}>Timer</dt>,
          <dd key={timer.id}>
            <code title={timer.event}>{causes.get(timer.event) ?? timer.event}</code> <Time at={timer.dueAt} />
          </dd>,
        ])}
        {actor.mail > 0 ? (
          <>
            <dt>Mail</dt>
            <dd>{actor.mail} unread</dd>
          </>
        ) : null}
        {actor.key === null ? null : (
          <>
            <dt>Key</dt>
            <dd class="id">{actor.key}</dd>
          </>
        )}
        {actor.labels.length === 0 ? null : (
          <>
            <dt>Labels</dt>
            <dd>
              {actor.labels.map((label) => (
                <Link key={label} class="label" to={`/actors?label=${encodeURIComponent(label)}`}>
                  {label}
                </Link>
              ))}
            </dd>
          </>
        )}
        {actor.parentId === null ? null : (
          <>
            <dt>Parent</dt>
            <dd>
              <ActorLink id={actor.parentId} /> {actor.childKey === null ? '' : `as ${actor.childKey}`}
            </dd>
          </>
        )}
        <dt>Children</dt>
        <dd>
          <Link to={`/actors?parentId=${actor.id}`}>show</Link>
        </dd>
      </dl>
    </Panel>
  );
}
