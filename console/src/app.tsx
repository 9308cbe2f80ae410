// app.tsx — the shell: who may come in, the sidebar, the view that the address names.
import type { ComponentType, JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { actAs, loopback, me, offline, phase, signOut } from './api/session';
import { href, route } from './router';
import { theme, toggleTheme } from './theme';
import { Button } from './ui/controls';
import { SqlQuestions } from './ui/dialog';
import { tellError, Toasts } from './ui/feedback';
import { Icon } from './ui/icons';
import type { IconName } from './ui/icons';
import { menuOpen } from './ui/page';
import { Backups } from './views/backups';
import { Gate } from './views/gate';
import { Jobs } from './views/jobs';
import { LiveQueries } from './views/liveQueries';
import { Logs } from './views/logs';
import { Overview } from './views/overview';
import { Settings } from './views/settings';
import { Storages } from './views/storages';
import { Studio } from './views/studio/studio';
import { Tables } from './views/tables/tables';
import { Users } from './views/users';

interface View {
  key: string;
  title: string;
  icon: IconName;
  component: ComponentType;
  group: number;
}

const VIEWS: readonly View[] = [
  { key: 'overview', title: 'Overview', icon: 'overview', component: Overview, group: 0 },
  { key: 'sql', title: 'SQL', icon: 'sql', component: Studio, group: 0 },
  { key: 'tables', title: 'Tables', icon: 'tables', component: Tables, group: 0 },
  { key: 'live', title: 'Live queries', icon: 'live', component: LiveQueries, group: 1 },
  { key: 'jobs', title: 'Jobs', icon: 'jobs', component: Jobs, group: 1 },
  { key: 'users', title: 'Users', icon: 'users', component: Users, group: 2 },
  { key: 'storages', title: 'Storages', icon: 'storages', component: Storages, group: 2 },
  { key: 'backups', title: 'Backups', icon: 'backups', component: Backups, group: 2 },
  { key: 'logs', title: 'Logs', icon: 'logs', component: Logs, group: 3 },
  { key: 'settings', title: 'Settings', icon: 'settings', component: Settings, group: 3 },
];

function Sidebar({ current }: { current: View }): JSX.Element {
  const user = me.value;
  return (
    <nav
      class={menuOpen.value ? 'sidebar open' : 'sidebar'}
      aria-label="Views"
      onKeyDown={(event) => {
        if (event.key === 'Escape') menuOpen.value = false;
      }}
    >
      <a class="brand" href={href('overview')}>
        <img src="/ui/mark.svg" alt="" />
        KalamDB
      </a>
      <div
        class="nav"
        onClick={() => {
          menuOpen.value = false;
        }}
      >
        {VIEWS.map((view, i) => (
          <>
            {i > 0 && VIEWS[i - 1]?.group !== view.group && <hr />}
            <a
              key={view.key}
              href={href(view.key)}
              aria-current={view === current ? 'page' : undefined}
            >
              <Icon name={view.icon} />
              {view.title}
            </a>
          </>
        ))}
      </div>
      <footer>
        <div class="who">
          <strong title={user?.id}>{user?.id}</strong>
          <span>{user?.role}</span>
        </div>
        <Button
          kind="plain"
          small
          icon={theme.value === 'dark' ? 'sun' : 'moon'}
          label={theme.value === 'dark' ? 'Light colours' : 'Dark colours'}
          onClick={toggleTheme}
        />
        {!loopback.value && (
          <Button
            kind="plain"
            small
            icon="exit"
            label="Sign out"
            onClick={() => void signOut().catch(tellError)}
          />
        )}
      </footer>
    </nav>
  );
}

function Banners(): JSX.Element {
  return (
    <div class="banners">
      {offline.value && (
        <div class="banner offline" role="alert">
          <Icon name="alert" />
          The server does not answer. The console tries again by itself.
        </div>
      )}
      {loopback.value && (
        <div class="banner">
          <Icon name="info" />
          <span>
            Loopback mode: anybody on this machine is {me.value?.id} without a password. For
            development only.
          </span>
        </div>
      )}
      {actAs.value !== null && (
        <div class="banner info">
          <Icon name="user" />
          <span>
            SQL and table rows run as <strong>{actAs.value}</strong>.
          </span>
          <Button
            small
            onClick={() => {
              actAs.value = null;
            }}
          >
            Stop
          </Button>
        </div>
      )}
    </div>
  );
}

export function App(): JSX.Element {
  const current = VIEWS.find((view) => view.key === route.value[0]) ?? VIEWS[0]!;
  const ready = phase.value === 'ready';
  useEffect(() => {
    document.title = ready ? `${current.title} · KalamDB` : 'KalamDB';
  }, [current, ready]);
  if (!ready)
    return (
      <>
        <Gate />
        <Toasts />
      </>
    );
  const Current = current.component;
  return (
    <>
      <div class="shell">
        <Banners />
        <Sidebar current={current} />
        <button
          type="button"
          class={menuOpen.value ? 'scrim open' : 'scrim'}
          aria-label="Close the menu"
          tabIndex={-1}
          onClick={() => {
            menuOpen.value = false;
          }}
        />
        <main style={{ minWidth: 0, minHeight: 0 }}>
          <Current key={current.key} />
        </main>
      </div>
      <SqlQuestions />
      <Toasts />
    </>
  );
}
