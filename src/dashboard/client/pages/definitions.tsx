import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { ChartReply, DefinitionDetail, DefinitionRow, Heat } from '../../wire.ts';
import { arrowKey, ChartView } from '../chart.tsx';
import { useAnswer } from '../live.ts';
import { Link } from '../navigation.tsx';
import { Empty, Heading, Loading, Panel, Problem, Table, Time } from '../parts.tsx';
import { countText, durationText } from '../wording.ts';

export function DefinitionsPage(): JSX.Element {
  const { value, error } = useAnswer<{ items: DefinitionRow[] }>('/api/definitions');
  const own = value?.items.filter(({ name }) => !name.startsWith('carillon.'));
  const ours = value?.items.filter(({ name }) => name.startsWith('carillon.'));
  return (
    <>
      <Heading title="Definitions" />
      {error === null ? null : <Problem>{error}</Problem>}
      {own && ours ? <DefinitionTable rows={[...own, ...ours]} /> : <Loading />}
    </>
  );
}

function DefinitionTable({ rows }: { rows: readonly DefinitionRow[] }): JSX.Element {
  if (rows.length === 0) return <Empty>No process has registered a definition here.</Empty>;
  return (
    <Table
      label="Definitions"
      head={['Definition', 'Kind', 'Active', 'Done, last hour', 'Dropped, last hour', 'Registered']}
    >
      {rows.map((row) => (
        <tr key={`${row.name} ${row.version}`}>
          <td>
            <Link to={`/definitions/${encodeURIComponent(row.name)}/${row.version}`}>{row.name}</Link>
            <span class="note"> v{row.version}</span>
          </td>
          <td>{row.kind}</td>
          <td class="number">
            {countText(row.active.count, row.active.exact)}
            {row.quarantined > 0 ? <span class="status quarantined">{row.quarantined} quarantined</span> : null}
          </td>
          <td class="number">{countText(row.done)}</td>
          <td class={row.dropped > 0 ? 'number bad-text' : 'number'}>{countText(row.dropped)}</td>
          <td>
            <Time at={row.registeredAt} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

export function DefinitionPage({ name, version }: { name: string; version: string }): JSX.Element {
  const at = `${encodeURIComponent(name)}/${encodeURIComponent(version)}`;
  const { value, error } = useAnswer<DefinitionDetail>(`/api/definitions/${at}`);
  const chart = useAnswer<ChartReply>(`/api/charts/${at}`, { once: true });
  const heat = useAnswer<Heat>(`/api/heat/${at}`, { once: true });
  useEffect(() => {
    document.title = `${name} · Carillon`;
  }, [name]);
  if (!value) {
    return (
      <>
        <Heading title={name} />
        {error === null ? <Loading /> : <Problem>{error}</Problem>}
      </>
    );
  }
  return (
    <>
      <Heading title={value.name}>
        <span class="note">
          version {value.version}, {value.kind}
        </span>
        <Link to={`/actors?name=${encodeURIComponent(value.name)}`}>its actors</Link>
      </Heading>
      {error === null ? null : <Problem>{error}</Problem>}
      <Panel
        title="Population"
        aside={<span class="note">actors in each state; in an end, those of the last hour</span>}
      >
        <ChartView reply={chart.value} marks={marksOf(value, heat.value)} />
      </Panel>
      <StateTable detail={value} heat={heat.value} />
    </>
  );
}

function marksOf(
  { population }: DefinitionDetail,
  heat: Heat | null,
): { counts: Map<string, string>; heat: Map<string, number> } {
  const most = Math.max(1, ...(heat?.moves ?? []).map(({ count }) => count));
  return {
    counts: new Map(population.map(({ state, count, exact }) => [state, countText(count, exact)])),
    heat: new Map(heat?.moves.map(({ from, to, count }) => [arrowKey(from, to), count / most])),
  };
}

function StateTable({
  detail: { name, population },
  heat,
}: {
  detail: DefinitionDetail;
  heat: Heat | null;
}): JSX.Element {
  const states = [...new Set([...population, ...(heat?.dwell ?? [])].map(({ state }) => state))].sort();
  if (states.length === 0) return <Empty>Nobody is here, and nobody was lately.</Empty>;
  return (
    <Panel
      title="States"
      aside={heat && heat.runs > 0 ? <span class="note">stays: of the newest {heat.runs} runs</span> : null}
    >
      <Table label="States" head={['State', 'Actors', 'Median stay', 'Stays seen']}>
        {states.map((state) => {
          const people = population.find((each) => each.state === state);
          const dwell = heat?.dwell.find((each) => each.state === state);
          return (
            <tr key={state}>
              <td>
                {state.includes('.') ? (
                  state
                ) : (
                  <Link to={`/actors?name=${encodeURIComponent(name)}&state=${encodeURIComponent(state)}`}>
                    {state}
                  </Link>
                )}
              </td>
              <td class="number">{people ? countText(people.count, people.exact) : '0'}</td>
              <td class="number">{dwell ? durationText(dwell.medianMs) : ''}</td>
              <td class="number">{dwell?.visits ?? ''}</td>
            </tr>
          );
        })}
      </Table>
    </Panel>
  );
}
