/** checkpoint and restore, through criu(8): on kernels that it knows, and what is said elsewhere. */
import { chmodSync, closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs, run, runTool, skip, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { ctrLeaving, makeBundle, testId, tracesOf } from './bundles.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);
const stateOf = (id: string) => JSON.parse(ctr('state', id).stdout) as { status: string; pid: number };
const sleeper = (): { id: string; bundle: string } => {
  const [id, bundle] = [testId(), makeBundle(['/bin/sleep', '1000'])];
  const line = `exec ctr-run run --detach --bundle ${bundle} ${id} </dev/null >/dev/null 2>&1`;
  expect(run('/bin/sh', ['-c', line]).status).toBe(0);
  return { id, bundle };
};

/** Numbers on stdout, one after the other for ever. */
const counting = ['/bin/sh', '-c', 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.2; done'];
const numbersIn = (path: string): number[] =>
  readFileSync(path, 'utf8').split('\n').filter(Boolean).map(Number);

test('a container is written to files and goes on from there, with nobody staying or with ctr-run', async (context) => {
  needs(context, 'root', 'command:criu');
  const check = run('criu', ['check']);
  if (check.status !== 0) skip(context, `criu check: ${check.stderr.trim().split('\n')[0]}`);
  const [id, bundle, directory] = [testId(), makeBundle(counting), tempDir('count')];
  // An attempt that failed leaves none for the next.
  context.onTestFinished(() => void ctr('delete', '--force', id));
  const leaving = (out: string, ...argv: string[]): void => {
    const line = 'out=$1; shift; exec "$@" </dev/null >>"$out" 2>&1';
    const ended = run('/bin/sh', ['-c', line, 'sh', out, toolPath('ctr-run'), ...argv], { timeout: 120_000 });
    expect(ended.status, readFileSync(out, 'utf8')).toBe(0);
  };
  const [first, second] = [`${directory}/first`, `${directory}/second`];
  const into = async (images: string, out: string): Promise<void> => {
    await until('it counts', () => numbersIn(out).length > 3, 60_000);
    const written = runTool('ctr-run', ['checkpoint', '--image-path', images, id], { timeout: 120_000 });
    expect(written).toMatchObject({ status: 0, stderr: '' });
    // The container is gone with its processes, as with runc and crun.
    expect(tracesOf(bundle, id)).toEqual([]);
  };
  leaving(first, 'run', '--detach', '--bundle', bundle, id);
  await into(`${directory}/images`, first);
  leaving(second, 'restore', '--detach', '--image-path', `${directory}/images`, '--bundle', bundle, id);
  expect(stateOf(id).status).toBe('running');
  await into(`${directory}/more`, second);
  // What it writes to is ours now, and it goes on where it was.
  expect(numbersIn(second)[0]).toBe(numbersIn(first).at(-1)! + 1);
  const refused = runTool('ctr-run', [
    'restore',
    '--image-path',
    `${directory}/more`,
    '--bundle',
    bundle,
    id,
  ]);
  expect(refused.stderr).toMatch(
    /^ctr-run: restore: descriptor 0 is to be the container's, and it is a socket/,
  );
  const third = `${directory}/third`;
  const line = `exec ctr-run restore --image-path ${directory}/more --bundle ${bundle} ${id} </dev/null >>${third} 2>&1`;
  const staying = start('/bin/sh', ['-c', line]);
  await until('it counts on', () => existsSync(third) && numbersIn(third).length > 3, 60_000);
  expect(numbersIn(third)[0]).toBe(numbersIn(second).at(-1)! + 1);
  expect(ctr('kill', id, 'KILL').status).toBe(0);
  expect(await staying.ended).toMatchObject({ status: 137 });
  expect(tracesOf(bundle, id)).toEqual([]);
});

/** A program in criu's place, for what lies on our side of it where the real one cannot run. */
function criuThat(lines: string): string {
  const path = `${tempDir('criu')}/criu`;
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o755);
  return path;
}
const option = (name: string) => `$(printf '%s\\n' "$@" | grep -A1 -x -- ${name} | tail -1)`;

test('when criu fails, its log is shown, and the container goes on', (context) => {
  needs(context, 'root');
  const { id } = sleeper();
  const images = tempDir('images');
  const criu = criuThat(
    `echo "(00.01) Error (criu/x.c:1): no such thing here" > "${option('--work-dir')}/dump.log"; exit 1`,
  );
  const ended = ctr('--criu', criu, 'checkpoint', '--image-path', images, id);
  expect(ended.stderr).toBe(
    `ctr-run: checkpoint container ${id}: Error (criu/x.c:1): no such thing here (all of it in ${images}/dump.log)\n`,
  );
  expect(ended.status).toBe(1);
  expect(stateOf(id).status).toBe('running');
  ctr('delete', '--force', id);
});

test('criu is given the process, the root and the mounts; what it restores is a container with a PID', async (context) => {
  needs(context, 'root');
  const { id, bundle } = sleeper();
  const images = tempDir('images');
  const { pid } = stateOf(id);
  expect(
    ctr(
      '--criu',
      criuThat(`printf '%s\\n' "$@" > ${images}/argv`),
      'checkpoint',
      '--image-path',
      images,
      '--leave-running',
      '--tcp-established',
      id,
    ),
  ).toMatchObject({ status: 0, stderr: '' });
  const argv = readFileSync(`${images}/argv`, 'utf8');
  expect(argv).toContain(`dump\n--tree\n${pid}\n--images-dir\n${images}\n`);
  expect(argv).toContain(`--root\n${bundle}/rootfs\n`);
  expect(argv).toContain('--tcp-established\n');
  expect(argv).toContain('--leave-running\n');
  expect(ctr('delete', '--force', id).status).toBe(0);
  const restoring = criuThat(`grep -q ' ${bundle}/rootfs ' /proc/self/mountinfo || exit 7
setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! > "${option('--pidfile')}"`);
  const file = `${tempDir('pid')}/pid`;
  const made = ctrLeaving(
    '--criu',
    restoring,
    'restore',
    '--detach',
    '--image-path',
    images,
    '--bundle',
    bundle,
    '--pid-file',
    file,
    id,
  );
  expect(made).toMatchObject({ status: 0, stderr: '' });
  expect(stateOf(id)).toMatchObject({ status: 'running', pid: Number(readFileSync(file, 'utf8')) });
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(`${bundle}/rootfs`);
  expect(ctr('kill', id, 'KILL').status).toBe(0);
  await until('it has stopped', () => stateOf(id).status === 'stopped');
  expect(ctr('delete', id)).toMatchObject({ status: 0, stderr: '' });
});

test.each([
  [['--criu', '/no/such/criu', 'checkpoint'], /Debian's package criu/],
  [['checkpoint', '--manage-cgroups-mode', 'x'], /--manage-cgroups-mode/],
  [['checkpoint', '--page-server', 'x'], /--page-server/],
])('%j is refused', (argv, words) => {
  const { id } = sleeper();
  const images = tempDir('images');
  const ended = ctr(...argv, '--image-path', `${images}/x`, id);
  expect(ended.stderr).toMatch(words);
  expect(ended.status).toBe(1);
  ctr('delete', '--force', id);
});

test('a restore that fails leaves nothing', (context) => {
  needs(context, 'root');
  const images = tempDir('images');
  writeFileSync(`${images}/ctr-run.json`, '{}');
  const [id, bundle] = [testId(), makeBundle(['/bin/true'])];
  const ended = ctr(
    '--criu',
    criuThat(
      `cat > "${option('--work-dir')}/restore.log" <<'END'
Error: ipv6: address already assigned.
(00.01) Error (criu/tun.c:85): tun: Unable to create tun: Operation not permitted
(00.02)      1: Error (criu/y.c:2): broken images
(00.03) Error (criu/cr-restore.c:2320): Restoring FAILED.
END
exit 1`,
    ),
    'restore',
    '--detach',
    '--work-path',
    `${images}/a/new one`,
    '--image-path',
    images,
    '--bundle',
    bundle,
    id,
  );
  // The reason, without what stands beside it; and the place of all of it, which was made.
  expect(ended.stderr).toMatch(
    /^ctr-run: restore container .*\/a\/new one\/restore.log\): \/bin\/sh ended with status 1: Error \(criu\/y.c:2\): broken images\n$/,
  );
  expect(ended.status).toBe(1);
  expect(existsSync(`/run/ctr-run/${id}`)).toBe(false);
});

test('without --detach somebody stays with what criu restored, and ends as it ends', (context) => {
  needs(context, 'root');
  const images = tempDir('images');
  writeFileSync(`${images}/ctr-run.json`, '{}');
  const [id, bundle] = [testId(), makeBundle(['/bin/true'])];
  const criu = criuThat(
    `setsid sh -c 'sleep 0.3; exit 7' </dev/null >/dev/null 2>&1 & echo $! > "${option('--pidfile')}"`,
  );
  const ended = ctr('--criu', criu, 'restore', '--image-path', images, '--bundle', bundle, id);
  expect(ended).toMatchObject({ status: 7, stderr: '' });
  expect(existsSync(`/run/ctr-run/${id}`)).toBe(false);
});

test('what engines give checkpoint and restore beyond that reaches criu as it was given', (context) => {
  needs(context, 'root');
  const { id, bundle } = sleeper();
  const images = tempDir('images');
  const status = `${images}/status`;
  const fd = openSync(status, 'w');
  const dumping = criuThat(`printf '%s\\n' "$@" > ${images}/argv; printf ready >&3`);
  const flags = ['--lazy-pages', '--ext-unix-sk', '--shell-job', '--file-locks', '--auto-dedup'];
  const more = [
    '--empty-ns',
    'network',
    '--parent-path',
    '../parent',
    '--page-server',
    '127.0.0.1:27',
    '--status-fd',
    '3',
  ];
  expect(
    runTool('ctr-run', ['--criu', dumping, 'checkpoint', '--image-path', images, ...flags, ...more, id], {
      fds: [fd],
    }),
  ).toMatchObject({ status: 0, stderr: '' });
  closeSync(fd);
  expect(readFileSync(status, 'utf8')).toBe('ready');
  const dumped = readFileSync(`${images}/argv`, 'utf8');
  for (const flag of flags) expect(dumped).toContain(`${flag}\n`);
  expect(dumped).toContain('--empty-ns\nnet\n');
  expect(dumped).toContain('--prev-images-dir\n../parent\n');
  expect(dumped).toContain('--page-server\n--address\n127.0.0.1\n--port\n27\n');
  expect(ctr('delete', '--force', id).status).toBe(0);
  const restoring = criuThat(`printf '%s\\n' "$@" > ${images}/argv; exit 1`);
  const lsm = ['--lsm-profile', 'apparmor:box', '--lsm-mount-context', 'u:r:t'];
  const restore = [
    'restore',
    '-d',
    '-no-subreaper',
    '--no-pivot',
    '--image-path',
    images,
    '--bundle',
    bundle,
  ];
  // Its stdio is files here: criu cannot be given the sockets that this process has for pipes.
  expect(ctrLeaving('--criu', restoring, ...restore, ...lsm, ...flags, id).status).toBe(1);
  const restored = readFileSync(`${images}/argv`, 'utf8');
  for (const word of [...lsm, ...flags]) expect(restored).toContain(`${word}\n`);
  expect(ctr(...restore, '--console-socket', '/x', id).stderr).toMatch(/terminal cannot be sent/);
});
