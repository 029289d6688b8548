/** The page: its frame, and which part of it an address shows. */
import './app.css';
import { type JSX, render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { liveState, onLiveState, setPaused, startLive } from './live.ts';
import { Link, type Place, usePlace } from './navigation.tsx';
import { ActorPage } from './pages/actor.tsx';
import { ActorsPage } from './pages/actors.tsx';
import { CronsPage } from './pages/crons.tsx';
import { DefinitionPage, DefinitionsPage } from './pages/definitions.tsx';
import { FailedPage } from './pages/failed.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { QuarantinePage } from './pages/quarantine.tsx';
import { QueuesPage } from './pages/queues.tsx';
import { Heading, Notice } from './parts.tsx';
import { session } from './session.ts';

const PAGES = [
  ['/', 'Overview'],
  ['/actors', 'Actors'],
  ['/definitions', 'Definitions'],
  ['/crons', 'Crons'],
  ['/queues', 'Queues'],
  ['/failed', 'Failed'],
  ['/quarantine', 'Quarantine'],
] as const;

function App(): JSX.Element {
  const place = usePlace();
  const section = `/${place.path.split('/')[1] ?? ''}`;
  useEffect(() => {
    const [, title = 'Carillon'] = PAGES.find(([path]) => path === section) ?? [];
    document.title = `${title} · Carillon`;
  }, [place.path]);
  return (
    <div class="frame">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <aside class="side">
        <Link to="/" class="brand">
          <Bell /> Carillon
        </Link>
        <nav aria-label="Sections">
          <ul>
            {PAGES.map(([path, title]) => (
              <li key={path}>
                <Link to={path} aria-current={section === path ? 'page' : undefined}>
                  {title}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div class="foot">
          <LiveSwitch />
          <p class="note">
            namespace {session.namespace}
            {session.readOnly ? ', read-only' : ''}
          </p>
        </div>
      </aside>
      <main id="main" tabIndex={-1}>
        <Notice />
        <Page place={place} />
      </main>
    </div>
  );
}

function Page({ place }: { place: Place }): JSX.Element {
  const [, section = '', first, second] = place.path.split('/').map(decoded);
  switch (section) {
    case '':
      return <OverviewPage />;
    case 'actors':
      return first === undefined ? <ActorsPage place={place} /> : <ActorPage key={first} place={place} id={first} />;
    case 'definitions':
      return first === undefined || second === undefined ? (
        <DefinitionsPage />
      ) : (
        <DefinitionPage key={place.path} name={first} version={second} />
      );
    case 'crons':
      return <CronsPage />;
    case 'queues':
      return <QueuesPage />;
    case 'failed':
      return <FailedPage place={place} />;
    case 'quarantine':
      return <QuarantinePage />;
    default:
      return <Heading title="There is no such page" />;
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function LiveSwitch(): JSX.Element {
  const [state, setState] = useState(liveState);
  useEffect(() => {
    const look = (): void => setState(liveState());
    // It may have connected before anybody listened.
    look();
    return onLiveState(look);
  }, []);
  return (
    <button
      type="button"
      class={`switch ${state}`}
      aria-pressed={state !== 'paused'}
      onClick={() => setPaused(liveState() !== 'paused')}
    >
      <span class="dot" aria-hidden="true" />
      {state === 'live' ? 'Live' : state === 'paused' ? 'Paused' : 'Connecting'}
    </button>
  );
}

function Bell(): JSX.Element {
  return (
    <svg class="bell" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d="M12 3a5.5 5.5 0 0 0-5.5 5.5v4.6L4 17h16l-2.5-3.9V8.5A5.5 5.5 0 0 0 12 3Zm-2.3 15.5a2.3 2.3 0 0 0 4.6 0Z" />
    </svg>
  );
}

const root = document.getElementById('app');
if (root) render(<App />, root);
startLive();
