// gate.tsx — what stands before the console: setup on the first start, sign-in, no server.
import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import { errorText, phase, reason, setUp, signIn, start } from '../api/session';
import { Button, Field } from '../ui/controls';
import { Loading, Notice } from '../ui/feedback';

function Card({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <main class="gate">
      <div class="card">
        <div class="brand">
          <img src="/ui/mark.svg" alt="" />
          KalamDB
        </div>
        {children}
      </div>
    </main>
  );
}

/** Runs `work`, shows what went wrong. */
function useWork(work: () => Promise<void>): { busy: boolean; error: string; run: () => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const run = (): void => {
    setBusy(true);
    setError('');
    work()
      .catch((thrown: unknown) => setError(errorText(thrown)))
      .finally(() => setBusy(false));
  };
  return { busy, error, run };
}

function Setup(): JSX.Element {
  const [root, setRoot] = useState('');
  const [again, setAgain] = useState('');
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const { busy, error, run } = useWork(() => setUp({ rootPassword: root, user, password }));
  const differs = again !== '' && again !== root;
  return (
    <Card>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!differs) run();
        }}
      >
        <h1>First start</h1>
        <p class="muted">
          This server has no passwords yet. Set the one of <strong>root</strong>, and create the
          account you will work with.
        </p>
        <Field
          label="Root password"
          type="password"
          value={root}
          onInput={setRoot}
          required
          autofocus
          autocomplete="new-password"
          hint="8 characters or more"
        />
        <Field
          label="Root password again"
          type="password"
          value={again}
          onInput={setAgain}
          required
          autocomplete="new-password"
          error={differs ? 'The two passwords differ' : ''}
        />
        <Field
          label="Your user name"
          value={user}
          onInput={setUser}
          required
          autocomplete="username"
          hint="An administrator (role dba)"
        />
        <Field
          label="Your password"
          type="password"
          value={password}
          onInput={setPassword}
          required
          autocomplete="new-password"
        />
        {error && <Notice tone="danger">{error}</Notice>}
        <Button submit kind="primary" busy={busy} disabled={differs}>
          Set up
        </Button>
      </form>
    </Card>
  );
}

function SignIn(): JSX.Element {
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const { busy, error, run } = useWork(() => signIn(user, password));
  return (
    <Card>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <h1>Sign in</h1>
        {reason.value && !error && <Notice tone="warn">{reason.value}</Notice>}
        <Field
          label="User"
          value={user}
          onInput={setUser}
          required
          autofocus
          autocomplete="username"
        />
        <Field
          label="Password"
          type="password"
          value={password}
          onInput={setPassword}
          required
          autocomplete="current-password"
        />
        {error && <Notice tone="danger">{error}</Notice>}
        <Button submit kind="primary" busy={busy}>
          Sign in
        </Button>
        <p class="muted small">The console is for administrators (roles dba and system).</p>
      </form>
    </Card>
  );
}

function Unreachable(): JSX.Element {
  return (
    <Card>
      <h1>The server does not answer</h1>
      <p class="muted">It may be starting or stopped. Nothing you typed is lost.</p>
      <Button kind="primary" icon="refresh" onClick={() => void start()}>
        Try again
      </Button>
    </Card>
  );
}

export function Gate(): JSX.Element {
  switch (phase.value) {
    case 'setup':
      return <Setup />;
    case 'signIn':
      return <SignIn />;
    case 'unreachable':
      return <Unreachable />;
    default:
      return (
        <main>
          <Loading />
        </main>
      );
  }
}
