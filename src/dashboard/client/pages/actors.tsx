import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { ActorPage, ActorRow, DefinitionRow } from '../../wire.ts';
import { useAnswer } from '../live.ts';
import { go, Link, type Place, withQuery } from '../navigation.tsx';
import { ActorLink, Empty, Heading, Loading, Problem, States, Status, Table, Time } from '../parts.tsx';

const STATUSES = ['active', 'done', 'dropped', 'quarantined'];
const OUTCOMES = ['success', 'failed_dropped', 'cancelled', 'expired'];
const TEXTS = [
  ['state', 'State'],
  ['queue', 'Queue'],
  ['label', 'Label'],
  ['key', 'Idempotency key'],
] as const;

export function ActorsPage({ place }: { place: Place }): JSX.Element {
  const { value, error } = useAnswer<ActorPage>(`/api/actors?${place.query}`);
  const { query } = place;
  const parent = query.get('parentId');
  return (
    <>
      <Heading title="Actors" />
      <Filters place={place} />
      {parent === null ? null : (
        <p class="note">
          Children of <ActorLink id={parent} />.{' '}
          <Link to={withQuery(place, { parentId: null, cursor: null })}>Show all</Link>
        </p>
      )}
      {error === null ? null : <Problem>{error}</Problem>}
      {value ? <ActorTable rows={value.items} /> : error === null ? <Loading /> : null}
      {value && value.items.length < 50 && value.cursor !== null ? (
        <p class="note">These are all among the newest 20,000. There may be older ones.</p>
      ) : null}
      <nav class="pages" aria-label="Pages">
        {query.has('cursor') ? <Link to={withQuery(place, { cursor: null })}>Newest</Link> : null}
        {value?.cursor ? <Link to={withQuery(place, { cursor: value.cursor })}>Older</Link> : null}
      </nav>
    </>
  );
}

function Filters({ place }: { place: Place }): JSX.Element {
  const definitions = useAnswer<{ items: DefinitionRow[] }>('/api/definitions', { once: true });
  const { query } = place;
  const set = (name: string, value: string): void => go(withQuery(place, { [name]: value.trim(), cursor: null }));
  const names = [...new Set(definitions.value?.items.map(({ name }) => name))];
  const select = (name: string, label: string, values: readonly string[]): JSX.Element => (
    <label>
      {label}
      <select name={name} value={query.get(name) ?? ''} onChange={(event) => set(name, event.currentTarget.value)}>
        <option value="">any</option>
        {values.map((value) => (
          <option key={value} value={value}>
            {value}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <form class="filters" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      {select('status', 'Status', STATUSES)}
      {select('record', 'Outcome', OUTCOMES)}
      {select('name', 'Definition', names)}
      {TEXTS.map(([name, label]) => (
        <TextFilter
          key={`${name} ${query.get(name)}`}
          name={name}
          label={label}
          value={query.get(name) ?? ''}
          set={set}
        />
      ))}
      {query.size > 0 ? <Link to={place.path}>Clear</Link> : null}
    </form>
  );
}

/** What is being typed is its own: the page around it is drawn anew whenever something happens. */
function TextFilter({
  name,
  label,
  value,
  set,
}: {
  name: string;
  label: string;
  value: string;
  set: (name: string, value: string) => void;
}): JSX.Element {
  const [typed, setTyped] = useState(value);
  return (
    <label>
      {label}
      <input
        name={name}
        type="search"
        value={typed}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onChange={(event) => set(name, event.currentTarget.value)}
      />
    </label>
  );
}

export function ActorTable({ rows, label = 'Actors' }: { rows: readonly ActorRow[]; label?: string }): JSX.Element {
  if (rows.length === 0) return <Empty>No actor fits.</Empty>;
  return (
    <Table label={label} head={['Actor', 'Status', 'State', 'Queue', 'When']}>
      {rows.map((row) => (
        <tr key={row.id}>
          <td>
            <ActorLink id={row.id} name={row.name} />
            {row.version === 1 ? null : <span class="note"> v{row.version}</span>}
            <div class="id small">{row.id}</div>
          </td>
          <td>
            <Status row={row} />
          </td>
          <td>
            <States states={row.states} />
            {row.attempt > 1 ? <span class="note"> attempt {row.attempt}</span> : null}
            {row.why === null ? null : <div class="why">{row.why}</div>}
          </td>
          <td>{row.queue}</td>
          <td class="when">
            <When row={row} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

function When({ row }: { row: ActorRow }): JSX.Element {
  if (row.settledAt !== null)
    return (
      <>
        ended <Time at={row.settledAt} />
      </>
    );
  if (row.wakeAt !== null)
    return (
      <>
        due <Time at={row.wakeAt} />
      </>
    );
  return (
    <>
      since <Time at={row.createdAt} />
    </>
  );
}
