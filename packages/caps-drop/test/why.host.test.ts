/** `--why`: a command runs with what it is left, and at the end it is said which capabilities it was refused. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needs, run, runTool, skip, start, tempDir, toolPath, until } from '../../../test/support.ts';

const directory = tempDir('caps-why');
const caps = (...args: string[]) => runTool('caps-drop', args, { timeout: 60_000 });
const leftovers = () => readdirSync('/tmp').filter((name) => /^(caps-drop-|ctr-tracefs-)\w{6}$/.test(name));

/** Other tests of the same come and go meanwhile; what was ours goes before the command's end is told. */
const nothingLeft = (before: readonly string[]) =>
  until('nothing is left', () => leftovers().every((name) => before.includes(name)), 30_000);

/** The kernel's record of capability checks, by its own event or by probes. */
const line =
  'mount -t tracefs t /mnt && { [ -e /mnt/events/capability/cap_capable ] || [ -e /mnt/kprobe_events ]; }';
const recorded = run('unshare', ['-m', 'sh', '-c', line]).status === 0;
type Context = Parameters<typeof needs>[0];
function needsRecord(context: Context): void {
  needs(context, 'root');
  if (!recorded) skip(context, 'the kernel keeps no record of capability checks');
}

test('names each refused capability, its call, its process, how often, and the flag that allows it', async (context) => {
  needsRecord(context);
  needs(context, 'command:busybox');
  const before = leftovers();
  const file = join(directory, 'owned');
  writeFileSync(file, '');
  mkdirSync(join(directory, 'mnt'), { recursive: true });
  const script = `chown 12:12 ${file}; chown 13:13 ${file}; busybox mount -t tmpfs x ${directory}/mnt; exit 3`;
  const { status, stderr } = caps('--all', '--why', '--', 'sh', '-c', script);
  expect(status).toBe(3);
  expect(stderr).toContain('caps-drop: 3 checks for capabilities were refused:\n');
  expect(stderr).toMatch(/^ {2}2 {2}chown {2}in fchownat by chown {2}\(give files to other owners\)$/m);
  expect(stderr).toMatch(/^ {2}1 {2}sys_admin {2}in mount by busybox {2}\(.*\)$/m);
  expect(stderr).toContain(
    '     to allow it: caps-drop --add chown; for a container: ctr-run run --cap-add chown\n',
  );
  await nothingLeft(before);

  // The flag that was named, and no more, makes it work.
  const added = caps('--all', '--add', 'chown', '--why', '--', 'chown', '12:12', file);
  expect([added.status, added.stderr]).toEqual([0, 'caps-drop: no capability was refused\n']);
});

test('only what the command and its descendants asked for is told, and nothing of the launcher', async (context) => {
  needsRecord(context);
  // Beside it somebody is refused the same all the time.
  const noise = start('setpriv', [
    '--bounding-set=-chown',
    '--inh-caps=-chown',
    'sh',
    '-c',
    `echo; while :; do chown 12:12 ${directory} 2>/dev/null; done`,
  ]);
  await until('the other one runs', () => noise.output().stdout !== '');
  const { status, stderr } = caps(
    '--all',
    '--no-new-privs',
    '--user',
    '12',
    '--why',
    '--',
    'sh',
    '-c',
    '(:); :',
  );
  expect([status, stderr]).toEqual([0, 'caps-drop: no capability was refused\n']);
});

test('it is the same in a PID namespace, whose numbers are not those of the record', (context) => {
  needsRecord(context);
  const inside = ['--pid', '--fork', '--mount-proc', toolPath('caps-drop'), '--all', '--why', '--'];
  const { stderr } = run('unshare', [...inside, 'chown', '12:12', directory], { timeout: 60_000 });
  expect(stderr).toContain('  1  chown  in fchownat by chown');
});

test('a command that a signal ends is told of too, and one that cannot be run leaves nothing', async (context) => {
  needsRecord(context);
  needs(context, 'command:busybox');
  const before = leftovers();
  const { signal, stderr } = caps('--all', '--why', '--', 'sh', '-c', `chown 12 ${directory}; kill -9 $$`);
  expect(signal).toBe('SIGKILL');
  expect(stderr).toContain('1 check for a capability was refused');
  expect(caps('--all', '--why', '--', '/nowhere/at/all').status).toBe(127);
  expect(caps('--all', '--why', '--plan', '--', 'chown', '12', directory).status).toBe(0);
  await nothingLeft(before);
});

test('who cannot have the record is told so', (context) => {
  needs(context, 'root');
  const { status, stderr } = runTool('caps-drop', ['--all', '--why', '--', 'true'], { uid: 12, gid: 12 });
  expect([status, stderr]).toEqual([
    125,
    expect.stringContaining('record capability checks: this takes root'),
  ]);
  expect(caps('--all', '--why').stderr).toContain('there is no command to watch');
});
