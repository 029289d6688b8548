import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { ActorPage, DefinitionRow, RetryReply } from '../../wire.ts';
import { post } from '../api.ts';
import { useAnswer } from '../live.ts';
import { Link, type Place, withQuery } from '../navigation.tsx';
import { ActorLink, Heading, Loading, Panel, Problem, told } from '../parts.tsx';
import { session } from '../session.ts';
import { countText } from '../wording.ts';
import { ActorTable } from './actors.tsx';

export function FailedPage({ place }: { place: Place }): JSX.Element {
  const query = new URLSearchParams({ status: 'dropped', record: 'failed_dropped' });
  const cursor = place.query.get('cursor');
  if (cursor !== null) query.set('cursor', cursor);
  const { value, error } = useAnswer<ActorPage>(`/api/actors?${query}`);
  return (
    <>
      <Heading title="Failed runs" />
      {session.readOnly ? null : <RetryMany />}
      {error === null ? null : <Problem>{error}</Problem>}
      {value ? <ActorTable rows={value.items} label="Failed runs" /> : <Loading />}
      <nav class="pages" aria-label="Pages">
        {cursor === null ? null : <Link to={withQuery(place, { cursor: null })}>Newest</Link>}
        {value?.cursor ? <Link to={withQuery(place, { cursor: value.cursor })}>Older</Link> : null}
      </nav>
    </>
  );
}

/** Looks first: how many would begin again is said before any does. */
function RetryMany(): JSX.Element {
  const definitions = useAnswer<{ items: DefinitionRow[] }>('/api/definitions', { once: true });
  const names = [...new Set(definitions.value?.items.map(({ name }) => name))];
  const [asked, setAsked] = useState({ name: '', error: '' });
  const [found, setFound] = useState<RetryReply | null>(null);
  const change = (part: Partial<typeof asked>): void => {
    setAsked({ ...asked, ...part });
    setFound(null);
  };
  const preview = async (): Promise<void> => {
    await told(async () => setFound(await post<RetryReply>('/api/retry-failed', { ...asked, preview: true })));
  };
  const retry = async (): Promise<void> => {
    await told(async () => setFound(await post<RetryReply>('/api/retry-failed', { ...asked, preview: false })));
  };
  return (
    <Panel title="Retry many">
      <form
        class="filters"
        aria-label="Retry many"
        onSubmit={(event) => {
          event.preventDefault();
          void preview();
        }}
      >
        <label>
          Definition
          <select required value={asked.name} onChange={(event) => change({ name: event.currentTarget.value })}>
            <option value="">choose one</option>
            {names.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          Error has
          <input type="search" value={asked.error} onInput={(event) => change({ error: event.currentTarget.value })} />
        </label>
        <button type="submit">Preview</button>
      </form>
      {found ? <Found found={found} retry={retry} /> : null}
    </Panel>
  );
}

function Found({ found, retry }: { found: RetryReply; retry: () => Promise<void> }): JSX.Element {
  if (found.retried > 0 || found.raced > 0 || found.conflicts > 0) {
    return (
      <p role="status">
        {countText(found.retried)} begin again; {countText(found.raced)} were in somebody else’s hands;{' '}
        {countText(found.conflicts)} have lost their key to a later run.
      </p>
    );
  }
  return (
    <div role="status">
      <p>
        {countText(found.matched)} would begin again
        {found.pruned === null || found.pruned === 0 ? '' : `; ${countText(found.pruned)} more are gone for good`}.
      </p>
      {found.matched === 0 ? null : (
        <>
          <ul class="ids">
            {found.ids.map((id) => (
              <li key={id}>
                <ActorLink id={id} />
              </li>
            ))}
          </ul>
          <button type="button" class="primary" onClick={() => void retry()}>
            Retry {countText(found.matched)} {found.matched === 1 ? 'run' : 'runs'}
          </button>
        </>
      )}
    </div>
  );
}
