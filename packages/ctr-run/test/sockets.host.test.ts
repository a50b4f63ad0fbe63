/** Sockets and descriptors that engines hand over, and what comes back on them (runc-create(8), runc-exec(8), sd_listen_fds(3)). */
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs, run, runTool, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { ctrLeaving, leftoversOf, makeBundle, testId } from './bundles.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);
const stateOf = (id: string) => JSON.parse(ctr('state', id).stdout) as { status: string; pid: number };
const script = (lines: string): string[] => ['/bin/sh', '-c', lines];

/** Somebody who listens, as an engine does, and what was sent there. */
async function receiver(kind: 'pidfd' | 'console' | 'seccomp', socket = `${tempDir('socket')}/s`) {
  const peer = start('python3', [`${import.meta.dirname}/receive.py`, socket, kind]);
  await until('it listens', () => peer.output().stdout.includes('listening') || peer.child.exitCode !== null);
  const came = async () => {
    const { stdout, stderr } = await peer.ended;
    expect(stderr).toBe('');
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as {
      data: string;
      fds: number;
      pid: number;
      text: string;
      tty: boolean;
      more: string;
      caller: number;
    };
  };
  return { socket, came };
}

test('the console socket gets the master of the terminal that the container runs on', async (context) => {
  needs(context, 'root', 'command:python3');
  const { socket, came } = await receiver('console');
  const id = testId();
  const bundle = makeBundle(
    script('tty; stty size; read line; echo "got $line"; echo done; sleep 100'),
    (spec) => {
      spec.process!.terminal = true;
      spec.process!.consoleSize = { height: 33, width: 101 };
    },
  );
  expect(ctrLeaving('create', '--bundle', bundle, '--console-socket', socket, id)).toMatchObject({
    status: 0,
    stderr: '',
  });
  expect(ctr('start', id)).toMatchObject({ status: 0, stderr: '' });
  const { fds, text, tty } = await came();
  expect({ fds, tty }).toEqual({ fds: 1, tty: true });
  expect(text.replaceAll('\r', '')).toMatch(/\/dev\/pts\/0\n33 101\n/);
  expect(text).toContain('got typed');
  expect(ctr('delete', '--force', id).status).toBe(0);
});

test('exec sends its terminal to a console socket of its own, and its PID to a file', async (context) => {
  needs(context, 'root', 'command:python3');
  const id = testId();
  expect(ctrLeaving('run', '--detach', '--bundle', makeBundle(['/bin/sleep', '100']), id).status).toBe(0);
  const { socket, came } = await receiver('console');
  const pidFile = `${tempDir('pid')}/pid`;
  const lines = 'tty; read line; echo "got $line"; echo done; sleep 100';
  const ended = ctrLeaving(
    'exec',
    '--detach',
    '--tty',
    '--console-socket',
    socket,
    '--pid-file',
    pidFile,
    id,
    ...script(lines),
  );
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  const pid = readFileSync(pidFile, 'utf8');
  expect(pid).toMatch(/^\d+$/);
  // By now it may have read what was typed, and sleep.
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toMatch(/read line|sleep/);
  expect((await came()).text).toMatch(/\/dev\/pts\/\d[\s\S]*got typed/);
  expect(ctr('delete', '--force', id).status).toBe(0);
  expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
});

test('the pidfd socket gets a pidfd of the first process, and of an exec’s', async (context) => {
  needs(context, 'root', 'command:python3');
  const id = testId();
  const first = await receiver('pidfd');
  const bundle = makeBundle(['/bin/sleep', '100']);
  expect(ctrLeaving('run', '--detach', '--bundle', bundle, '--pidfd-socket', first.socket, id).stderr).toBe(
    '',
  );
  expect(await first.came()).toMatchObject({ fds: 1, pid: stateOf(id).pid });
  const second = await receiver('pidfd');
  const pidFile = `${tempDir('pid')}/pid`;
  const argv = [
    'exec',
    '--detach',
    '--pidfd-socket',
    second.socket,
    '--pid-file',
    pidFile,
    id,
    '/bin/sleep',
    '100',
  ];
  expect(ctrLeaving(...argv).stderr).toBe('');
  expect(await second.came()).toMatchObject({ fds: 1, pid: Number(readFileSync(pidFile, 'utf8')) });
  expect(ctr('delete', '--force', id).status).toBe(0);
});

test('a console socket that nobody listens on fails the create, and nothing is left', (context) => {
  needs(context, 'root');
  const id = testId();
  const bundle = makeBundle(['/bin/true'], (spec) => (spec.process!.terminal = true));
  const ended = ctrLeaving('create', '--bundle', bundle, '--console-socket', '/no/such/socket', id);
  expect(ended.status).toBe(1);
  expect(ended.stderr).toMatch(/console socket \/no\/such\/socket/);
  expect(leftoversOf(id)).toEqual([]);
});

test.each(['run', 'exec'])(
  '--preserve-fds of %s gives exactly those descriptors, and LISTEN_FDS its own before them',
  (name) => {
    const file = `${tempDir('fds')}/given`;
    writeFileSync(file, 'one\n');
    const fds = [openSync(file, 'r'), openSync('/dev/null', 'r'), openSync('/dev/null', 'r')];
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
    const look = 'for f in /proc/self/fd/*; do echo ${f##*/}; done | sort -n | tr "\\n" " "; cat <&3';
    const seen = (argv: string[], given: number[]) => runTool('ctr-run', argv, { fds: given });
    const id = testId();
    if (name === 'run') {
      const bundle = makeBundle(script(look));
      const one = seen(['run', '--preserve-fds', '1', '--bundle', bundle, id], fds);
      expect(one.stdout).toMatch(/^0 1 2 3 (\d+ )?one\n$/);
      const none = seen(['run', '--bundle', makeBundle(script('cat <&3')), id], fds);
      expect(none.stdout).toBe('');
    } else {
      expect(ctrLeaving('run', '--detach', '--bundle', makeBundle(['/bin/sleep', '100']), id).status).toBe(0);
      const one = seen(['exec', '--preserve-fds', '1', id, ...script(look)], fds);
      expect(one.stdout).toMatch(/^0 1 2 3 (\d+ )?one\n$/);
      expect(seen(['exec', id, ...script('cat <&3')], fds).stdout).toBe('');
      expect(ctr('delete', '--force', id).status).toBe(0);
    }
    for (const fd of fds) closeSync(fd);
  },
);

test('descriptors that systemd announces and that are not there are named, and nothing is made', (context) => {
  needs(context, 'root');
  const id = testId();
  const line = `export LISTEN_PID=$$ LISTEN_FDS=3; exec ctr-run run --bundle ${makeBundle(['/bin/true'])} ${id}`;
  const ended = run('/bin/sh', ['-c', line]);
  expect(ended.status).toBe(1);
  expect(ended.stderr).toMatch(/descriptor 3 is not open, though LISTEN_FDS=3 announces it/);
  expect(existsSync(`/run/ctr-run/${id}`)).toBe(false);
});

test('sockets that systemd activated are the command’s, under its own PID', (context) => {
  needs(context, 'root');
  const file = `${tempDir('fds')}/given`;
  writeFileSync(file, 'activated\n');
  const fd = openSync(file, 'r');
  const bundle = makeBundle(script('echo "$LISTEN_FDS $LISTEN_PID $$"; cat <&3'));
  // systemd execs its service with LISTEN_PID set to it: so does this shell.
  const line = `export LISTEN_PID=$$ LISTEN_FDS=1; exec ctr-run run --bundle ${bundle} ${testId()}`;
  const ended = run('/bin/sh', ['-c', line], { fds: [fd] });
  closeSync(fd);
  expect(ended).toMatchObject({ stdout: '1 1 1\nactivated\n', stderr: '' });
});

test('the PID file of a container that fails is taken back', (context) => {
  needs(context, 'root');
  const file = `${tempDir('pid')}/pid`;
  const bundle = makeBundle(['/bin/true'], (spec) => (spec.process!.terminal = true));
  expect(
    ctrLeaving('create', '--bundle', bundle, '--pid-file', file, '--console-socket', '/no/such', testId())
      .status,
  ).toBe(1);
  expect(existsSync(file)).toBe(false);
});

test('the agent of seccomp.listenerPath gets the container process state, once', async (context) => {
  needs(context, 'root', 'command:python3');
  const { socket, came } = await receiver('seccomp');
  const id = testId();
  const bundle = makeBundle(script('mkdir /tmp/asked'), (spec) => {
    spec.annotations = { a: 'b' };
    spec.linux!.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: socket,
      listenerMetadata: 'for the agent',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }],
    };
  });
  const container = start(toolPath('ctr-run'), ['run', '--bundle', bundle, id]);
  const { data, fds, more, caller } = await came();
  expect((await container.ended).stderr).toMatch(/No space left on device/);
  expect({ fds, more }).toEqual({ fds: 1, more: '' });
  const message = JSON.parse(data) as Record<string, unknown> & {
    pid: number;
    state: Record<string, unknown>;
  };
  expect(message).toMatchObject({
    fds: ['seccompFd'],
    metadata: 'for the agent',
    state: { id, status: 'creating', bundle, annotations: { a: 'b' } },
  });
  expect(message.ociVersion).toMatch(/^1\./);
  expect(message.state.ociVersion).toMatch(/^1\./);
  expect(message.pid).toBe(message.state.pid);
  expect(caller).toBeGreaterThan(0);
});

// As runc's exec says it (libcontainer/process_linux.go, setnsProcess): its own with this filter waits for ever here.
test('the agent is told of an exec that the container runs, and the PID of each', async (context) => {
  needs(context, 'root', 'command:python3');
  const first = await receiver('seccomp');
  const { socket } = first;
  const id = testId();
  const bundle = makeBundle(script('mkdir /tmp/a; exec sleep 100'), (spec) => {
    spec.linux!.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: socket,
      listenerMetadata: 'for the agent',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }],
    };
  });
  try {
    expect(ctrLeaving('run', '--detach', '--bundle', bundle, id)).toMatchObject({ status: 0, stderr: '' });
    const { pid } = stateOf(id);
    const state = { id, bundle, pid };
    const made = JSON.parse((await first.came()).data);
    expect(made).toMatchObject({ pid, state: { ...state, status: 'creating' } });
    rmSync(socket);
    const second = await receiver('seccomp', socket);
    expect(ctr('exec', id, '/bin/mkdir', '/tmp/b').stderr).toMatch(/No space left on device/);
    const { data, caller } = await second.came();
    const told = JSON.parse(data) as { pid: number };
    expect(told).toMatchObject({ metadata: 'for the agent', state: { ...state, status: 'running' } });
    // config-linux.md, Container Process State: the process that the filter is of.
    expect(told.pid).toBe(caller);
    expect(told.pid).not.toBe(pid);
  } finally {
    ctr('delete', '--force', id);
  }
});

test('a seccomp agent that is not there fails the create, and nothing is left', (context) => {
  needs(context, 'root');
  const id = testId();
  const bundle = makeBundle(['/bin/true'], (spec) => {
    spec.linux!.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: '/run/no-such-agent.sock',
      syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
    };
  });
  const ended = ctrLeaving('create', '--bundle', bundle, id);
  expect(ended.stderr).toMatch(/no-such-agent/);
  expect(ended.status).toBe(1);
  expect(existsSync(`/run/ctr-run/${id}`)).toBe(false);
});
