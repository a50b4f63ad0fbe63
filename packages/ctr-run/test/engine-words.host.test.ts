/** The words by which engines and scripts tell one failure from another: the table of docs/engines.md, beside runc. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, skip, tempDir, until } from '../../../test/support.ts';
import { testId } from './bundles.ts';
import { beside, call, commonBundle, whileThere } from './peers.ts';

const names = beside({ runc: '1.1' });

/** Exactly what the engine asks of the words. */
const podman126 = (words: string) => /.*permission denied.*|.*operation not permitted.*/i.test(words);
const podman127 = (words: string) =>
  /.*executable file not found in.*|.*no such file or directory.*/i.test(words);
const podmanExit = (words: string) => (/not found|no such file/.test(words.toLowerCase()) ? 127 : 126);
function docker(command: string, words: string): number {
  const lower = words.toLowerCase();
  let code = 0;
  if (words.includes(command) && /executable file not found|no such file or directory/.test(lower))
    code = 127;
  if (lower.includes('permission denied')) code = 126;
  if (lower.includes('not a directory')) code = 127;
  return code;
}
const ended = (words: string) => words.includes('container not running') || /no such process/i.test(words);

describe.each(names)('%s', (name) => {
  const failed = (word: string, change: (spec: Spec) => void = () => {}, plain = '') => {
    const bundle = commonBundle([word], change);
    writeFileSync(`${bundle}/rootfs/bin/plain`, plain);
    chmodSync(`${bundle}/rootfs/bin/plain`, 0o644);
    const { status, stderr } = call(name, ['create', '--bundle', bundle, testId()]);
    expect(status).toBe(1);
    return stderr;
  };

  test.each(['no-such', '/no/such'])('a command that is not there: %s', (word) => {
    const words = failed(word);
    expect({
      p: podman127(words),
      p126: podman126(words),
      e: podmanExit(words),
      d: docker(word, words),
    }).toEqual({
      p: true,
      p126: false,
      e: 127,
      d: 127,
    });
  });

  test('a command that may not be executed', () => {
    const words = failed('/bin/plain');
    expect({ p: podman126(words), e: podmanExit(words), d: docker('/bin/plain', words) }).toEqual({
      p: true,
      e: 126,
      d: 126,
    });
  });

  test('a file mounted on a directory', () => {
    const given = `${tempDir('given')}/file`;
    writeFileSync(given, '');
    const words = failed('/bin/true', (spec) => {
      spec.mounts!.push({ destination: '/tmp', type: 'bind', source: given, options: ['bind'] });
    });
    expect(words.toLowerCase()).toContain('not a directory');
  });

  test('a container that is not there', () => {
    for (const argv of [
      ['kill', 'ctr-test-nobody', 'TERM'],
      ['delete', 'ctr-test-nobody'],
      ['state', 'ctr-test-nobody'],
      ['pause', 'ctr-test-nobody'],
      ['exec', 'ctr-test-nobody', 'true'],
    ])
      expect(call(name, argv).stderr).toContain('container does not exist');
  });

  test('a container that has ended, one that is not paused, a name that is taken', async (context) => {
    needs(context, 'root');
    const bundle = commonBundle(['/bin/sleep', '300']);
    await whileThere(name, ['run', '--detach', '--bundle', bundle], async (id) => {
      expect(call(name, ['resume', id]).stderr).toContain('container not paused');
      expect(call(name, ['create', '--bundle', bundle, id]).stderr).toContain(
        'container with given ID already exists',
      );
      expect(call(name, ['kill', id, 'KILL']).status).toBe(0);
      await until('it has stopped', () => call(name, ['state', id]).stdout.includes('"stopped"'));
      for (const argv of [
        ['kill', id, 'TERM'],
        ['pause', id],
        ['update', '--pids-limit', '9', id],
      ]) {
        const { status, stderr } = call(name, argv);
        expect({ argv, status, ended: ended(stderr) }).toEqual({ argv, status: 1, ended: true });
      }
      expect(call(name, ['exec', id, 'true']).stderr).toContain('cannot exec in a stopped container');
    });
  });

  test('the log’s last error is what is shown, and the version has its three lines', () => {
    const log = `${tempDir('log')}/log`;
    const argv = ['--log', log, '--log-format', 'json', 'state', 'ctr-test-nobody'];
    expect(call(name, argv).status).toBe(1);
    const lines = readFileSync(log, 'utf8').trim().split('\n');
    const errors = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 'error');
    expect(errors.at(-1).msg).toContain('container does not exist');
    const [version, commit, spec] = call(name, ['--version']).stdout.trim().split('\n');
    expect([version!.split('version ').length, commit!.split(': ').length, spec!.split(': ').length]).toEqual(
      [2, 2, 2],
    );
  });
});

describe('words that lead to the cause', () => {
  const user = (map: { containerID: number; hostID: number; size: number }[]) => (spec: Spec) => {
    spec.linux!.namespaces!.push({ type: 'user' });
    spec.linux!.uidMappings = map;
    spec.linux!.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  };
  const cases: [what: string, change: (spec: Spec) => void, words: RegExp, not: RegExp][] = [
    [
      'a limit beyond what may be had is said once',
      (s) => {
        s.process!.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 2 ** 40, hard: 2 ** 40 }];
      },
      /CAP_SYS_RESOURCE: Operation not permitted; ask for less \(\/proc\/sys\/fs\/nr_open/,
      /CAP_SYS_RESOURCE.*CAP_SYS_RESOURCE/s,
    ],
    [
      'a working directory below a mask',
      (s) => {
        s.linux!.maskedPaths!.push('/tmp');
        s.process!.cwd = '/tmp/inside';
      },
      /enter the working directory \/tmp\/inside: .*\/tmp is hidden by linux\.maskedPaths/,
      /read-only/,
    ],
    [
      'a map with more bytes than the kernel reads',
      user(
        Array.from({ length: 340 }, (_, i) => ({ containerID: i, hostID: 4_000_000_000 + i * 2, size: 1 })),
      ),
      /the user ID map has \d+ bytes in 340 lines; the kernel takes less than a page/,
      /overlap/,
    ],
  ];
  test.each(cases)('%s', (_what, change, words, not) => {
    const { status, stderr } = call('ctr-run', [
      'run',
      '--bundle',
      commonBundle(['/bin/true'], change),
      testId(),
    ]);
    expect(status).toBe(1);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(not);
  });

  test('SCHED_DEADLINE on fewer CPUs than there are', (context) => {
    needs(context, 'root');
    if (cpus().length < 2) skip(context, 'this machine has one CPU');
    const bundle = commonBundle(['/bin/true'], (spec) => {
      spec.process!.scheduler = {
        policy: 'SCHED_DEADLINE',
        runtime: 10_000_000,
        deadline: 30_000_000,
        period: 30_000_000,
      };
      spec.linux!.resources!.cpu = { cpus: '0' };
    });
    const { stderr } = call('ctr-run', ['run', '--bundle', bundle, testId()]);
    expect(stderr).toMatch(/schedule as SCHED_DEADLINE: .*every CPU of the machine: a cpuset/);
  });

  test.each(beside({ runc: '1.1' }))('a filter that ends the command before it has begun: %s', (name) => {
    const bundle = commonBundle(['/bin/true'], (spec) => {
      spec.linux!.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['execve'], action: 'SCMP_ACT_KILL_PROCESS' }],
      };
    });
    const { status, stderr } = call(name, ['run', '--bundle', bundle, testId()]);
    expect(status).toBe(159);
    if (name === 'ctr-run')
      expect(stderr).toMatch(/linux\.seccomp answers execve with kill_process, which ends/);
  });

  test('--systemd-cgroup where systemd does not run', (context) => {
    needs(context, 'root');
    // In a mount namespace whose /run has nothing of systemd's.
    const bundle = commonBundle(['/bin/true']);
    const through = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /run; exec "$@"', 'sh'];
    const { status, stderr } = call('ctr-run', ['--systemd-cgroup', 'run', '--bundle', bundle, testId()], {
      through,
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/systemd does not run here .*leave out --systemd-cgroup/);
    expect(stderr).not.toMatch(/--manager|PID namespace/);
  });
});
