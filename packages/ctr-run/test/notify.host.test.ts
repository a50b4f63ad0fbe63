/** NOTIFY_SOCKET: a container says that it is ready, and the manager hears it from the runtime, beside runc. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { needs, run, start, tempDir, toolEnv, until } from '../../../test/support.ts';
import { type Maker, makeBundle, testId } from './bundles.ts';
import { needsRuntime, program, runtimes } from './runtimes.ts';

interface Heard {
  text: string;
  sender: number;
  fds: number;
}

/** A container that says these words, one datagram each, and goes on. */
function speaker(...words: string[]): string {
  const say =
    'use Socket; socket(my $s, AF_UNIX, SOCK_DGRAM, 0); for (@ARGV) { send($s, $_, 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET})) or die $! } sleep 300';
  return makeBundle(['/usr/bin/perl', '-e', say, ...words], (spec) => {
    spec.root!.readonly = false;
    for (const path of ['/usr', '/lib', '/lib64'])
      if (existsSync(path))
        spec.mounts!.push({ destination: path, type: 'bind', source: path, options: ['rbind', 'ro'] });
  });
}

/** A manager that listens there, and what it has heard. */
async function manager(address: string) {
  const python = start('python3', [join(import.meta.dirname, 'notify-manager.py'), address, '20']);
  await until('it listens', () => python.output().stdout.startsWith('listening'));
  const heard = (): Heard[] =>
    python
      .output()
      .stdout.split('\n')
      .slice(1)
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Heard);
  return { heard, texts: () => heard().map(({ text }) => text.trimEnd()) };
}

/** A call that leaves a container behind, in a shell whose PID the runtime keeps. */
function leaving(runtime: Maker, socket: string, ...words: string[]) {
  const line = `echo $$; exec ${[program(runtime), ...words].join(' ')} </dev/null >/dev/null 2>&1`;
  const ended = run('/bin/sh', ['-c', line], {
    env: toolEnv({ NOTIFY_SOCKET: socket }),
  });
  return { status: ended.status, pid: Number(ended.stdout) };
}

const first = (file: string): number => Number(readFileSync(file, 'utf8'));

function ends(context: TestContext, runtime: Maker, id: string): void {
  context.onTestFinished(() => void run(program(runtime), ['delete', '--force', id]));
}

/** Words that would harm the service, and only then the one that is passed on. */
const words = ['STATUS=x', 'MAINPID=7\nFDSTORE=1', 'STOPPING=1', 'READY=1\nMAINPID=9'];

describe.for(runtimes)('%s', (runtime) => {
  // runc sends no barrier before 1.2.
  const least = runtime === 'ctr-run' ? 3 : 2;
  const told = (pid: number) => ['READY=1', `MAINPID=${pid}`, 'BARRIER=1'];

  test.for(['a path', 'an abstract name'])(
    'run --detach waits, and tells of READY, MAINPID and BARRIER: %s',
    async (kind, context) => {
      needsRuntime(context, runtime);
      needs(context, 'command:python3', 'file:/usr/bin/perl');
      const address = kind === 'a path' ? `${tempDir('manager')}/sock` : `@${testId()}`;
      const { heard, texts } = await manager(address);
      const id = testId();
      ends(context, runtime, id);
      const file = `${tempDir('pid')}/pid`;
      const called = leaving(
        runtime,
        address,
        'run',
        '--detach',
        '--pid-file',
        file,
        '--bundle',
        speaker(...words),
        id,
      );
      expect(called.status).toBe(0);
      await until('all is heard', () => heard().length >= least);
      expect(texts()).toEqual(told(first(file)).slice(0, texts().length));
      // From the service's own group, by the process that the manager started; a descriptor with the barrier alone.
      for (const { sender } of heard()) expect(sender).toBe(called.pid);
      expect(heard().map(({ fds }) => fds)).toEqual([0, 0, 1].slice(0, heard().length));
    },
  );

  test('start waits and tells, with a manager of its own', async (context) => {
    needsRuntime(context, runtime);
    needs(context, 'command:python3', 'file:/usr/bin/perl');
    const address = `${tempDir('manager')}/sock`;
    const id = testId();
    ends(context, runtime, id);
    const file = `${tempDir('pid')}/pid`;
    // Nobody listens yet when the container is created.
    const created = leaving(
      runtime,
      address,
      'create',
      '--pid-file',
      file,
      '--bundle',
      speaker(...words),
      id,
    );
    expect(created.status).toBe(0);
    const { heard, texts } = await manager(address);
    const called = leaving(runtime, address, 'start', id);
    expect(called.status).toBe(0);
    await until('all is heard', () => heard().length >= least);
    expect(texts()).toEqual(told(first(file)).slice(0, texts().length));
    expect(heard()[0]!.sender).toBe(called.pid);
  });
});

test('run in the foreground tells when it is ready, with itself as the main process, and stays', async (context) => {
  needs(context, 'root', 'command:python3', 'file:/usr/bin/perl');
  const address = `${tempDir('manager')}/sock`;
  const { heard, texts } = await manager(address);
  const id = testId();
  ends(context, 'ctr-run', id);
  const container = start(program('ctr-run'), ['run', '--bundle', speaker(...words), id], {
    env: toolEnv({ NOTIFY_SOCKET: address }),
  });
  await until('all is heard', () => heard().length >= 2);
  expect(texts()).toEqual(['READY=1', `MAINPID=${container.child.pid}`]);
  expect(heard().map(({ sender }) => sender)).toEqual([container.child.pid, container.child.pid]);
  expect(container.child.exitCode).toBe(null);
  run(program('ctr-run'), ['kill', id, 'KILL']);
  expect((await container.ended).status).toBe(137);
});

test('a detached one leaves no process of ours', async (context) => {
  needs(context, 'root', 'command:python3', 'file:/usr/bin/perl');
  const address = `${tempDir('manager')}/sock`;
  await manager(address);
  const id = testId();
  ends(context, 'ctr-run', id);
  expect(leaving('ctr-run', address, 'run', '--detach', '--bundle', speaker('READY=1'), id).status).toBe(0);
  expect(run('pgrep', ['-f', '--', `ctr-run.* ${id}`]).stdout).toBe('');
});

test('the socket is for every user of the container, under a strict umask and a long name too', async (context) => {
  needs(context, 'root', 'command:python3');
  const address = `${tempDir('manager')}/sock`;
  const { texts } = await manager(address);
  const id = `${testId()}-${'n'.repeat(120)}`;
  const bundle = makeBundle(['/bin/sh', '-c', 'stat -c %a /run/notify /run/notify/notify.sock'], (spec) => {
    spec.root!.readonly = false;
  });
  const line = `umask 077; exec ${program('ctr-run')} run --bundle ${bundle} ${id}`;
  const ended = run('/bin/sh', ['-c', line], { env: toolEnv({ NOTIFY_SOCKET: address }) });
  expect(ended).toMatchObject({ status: 0, stdout: '755\n777\n', stderr: '' });
  expect(texts()).toEqual([]);
});

// runc waits until its process has been reaped, which no init may do.
test('a container that ends without a word ends the wait', async (context) => {
  needs(context, 'root', 'command:python3');
  const address = `${tempDir('manager')}/sock`;
  const { heard } = await manager(address);
  const id = testId();
  ends(context, 'ctr-run', id);
  const bundle = makeBundle(['/bin/sleep', '1'], (spec) => {
    spec.root!.readonly = false;
  });
  expect(leaving('ctr-run', address, 'run', '--detach', '--bundle', bundle, id).status).toBe(0);
  expect(heard()).toEqual([]);
});
