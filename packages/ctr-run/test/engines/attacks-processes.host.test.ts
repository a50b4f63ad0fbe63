/**
 * Processes of containers that podman made, which attack the runtime as it comes in, or would have more than was
 * said; each attack also where the guard is missing, and there it succeeds.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { run, skip, slower, tempDir, toolPath } from '../../../../test/support.ts';
import { unguarded } from '../../../../test/unguarded.ts';
import { busybox } from '../bundles.ts';
import { callOf } from '../peers.ts';
import { mark, overwritten, stalling, watcher, writer } from '../watchers.ts';
import { needsPodman, newRoot, podmanFor, runtimeThrough } from './podman-root.ts';

const podman = podmanFor('processes');
afterAll(() => podman.end());

const timeout = 300_000 * slower;
const ours = toolPath('ctr-run');

/** A directory that container and host share, as /shared. */
function sharing(): { shared: string; flags: string[] } {
  const shared = tempDir('shared');
  chmodSync(shared, 0o777);
  return { shared, flags: ['--volume', `${shared}:/shared`] };
}

describe('CVE-2016-9962: who enters a container is looked into', () => {
  /** podman knows no --pidfd-socket, at which a process that enters waits: who calls the runtime adds it. */
  const held = (runtime: string, socket: string): string =>
    runtimeThrough(
      `n=$#; for w in "$@"; do set -- "$@" "$w"; [ "$w" != exec ] || set -- "$@" --pidfd-socket ${socket}; done
      shift $n; exec ${runtime} "$@"`,
    );

  async function lookedAt(runtime: string) {
    const { shared, flags } = sharing();
    for (const name of ['seen', 'looks']) {
      writeFileSync(`${shared}/${name}`, '');
      chmodSync(`${shared}/${name}`, 0o666);
    }
    const socket = `${tempDir('stall')}/s`;
    // podman enters by the runtime that has made the container.
    const holding = held(runtime, socket);
    await podman.among(
      holding,
      newRoot(),
      ['sh', '-c', watcher],
      async (container) => {
        const { ended } = await stalling(3, socket);
        const entered = podman.call(holding, ['exec', container, 'true']);
        expect(entered).toMatchObject({ status: 0, stderr: '' });
        await ended;
      },
      // As long as a filter is still to be loaded who enters has CAP_SYS_ADMIN, and is not traced by who has less.
      { flags: [...flags, '--security-opt', 'seccomp=unconfined'] },
    );
    const [seen, looks] = ['seen', 'looks'].map((name) => readFileSync(`${shared}/${name}`, 'utf8'));
    return { seen: seen!, looks: looks!.length };
  }

  test('none of its descriptors can be had', { timeout }, async (context) => {
    needsPodman(context, 'command:python3');
    const { seen, looks } = await lookedAt(ours);
    expect(looks).toBeGreaterThan(5);
    expect(seen).toBe('');
  });

  test('control: those of a launcher that can be dumped are there to be taken', {
    timeout,
  }, async (context) => {
    needsPodman(context, 'command:python3');
    expect((await lookedAt(unguarded('dumpable').tool('ctr-run'))).seen).toContain('socket:');
  });
});

describe('CVE-2019-5736: a container writes to the launcher by /proc/PID/exe', () => {
  /** What writing to it comes to, of a container that `podman init` has made. */
  const created = (runtime: string) =>
    podman.among(
      runtime,
      newRoot(),
      ['true'],
      (container) => {
        const pid = Number(podman.call(runtime, ['inspect', '--format', '{{.State.Pid}}', container]).stdout);
        expect(pid).toBeGreaterThan(1);
        const exe = readlinkSync(`/proc/${pid}/exe`);
        const end = () => void podman.call(runtime, ['rm', '--force', '--time', '0', container]);
        return overwritten(pid, end).then((came) => ({ exe, came }));
      },
      { only: true },
    );

  test('what runs is a sealed copy', async (context) => {
    needsPodman(context);
    const { exe, came } = await created(ours);
    expect(exe).toMatch(/^\/memfd:ctr-launcher/);
    expect(came).toBe('EPERM');
  });

  test('control: without a seal against writing the copy is written to, and without a copy the file is', async (context) => {
    needsPodman(context);
    expect((await created(unguarded('writing').tool('ctr-run'))).came).toBe('written');
    const { launcher, tool } = unguarded('sealing');
    expect((await created(tool('ctr-run'))).came).toBe('written');
    expect(readFileSync(launcher, 'latin1').slice(0, mark.length)).toBe(mark);
  });

  /** The command is a script for /proc/self/exe, and another process inside writes to what runs it. */
  async function byScript(runtime: string) {
    const { shared, flags } = sharing();
    const root = newRoot();
    writeFileSync(`${root}/bin/evil`, '#!/proc/self/exe\n', { mode: 0o755 });
    const has = (name: string) => existsSync(`${shared}/${name}`);
    await podman.among(
      runtime,
      root,
      ['sh', '-c', writer],
      (container) => {
        for (let i = 0; i < 40 && !has('held') && !has('written'); i++)
          podman.call(runtime, ['exec', container, '/bin/evil']);
        // It ends by itself, once it has written or was refused.
        podman.call(runtime, ['wait', container], { timeout: 40_000 });
      },
      { flags: [...flags, '--cap-add', 'SYS_PTRACE', '--cap-add', 'DAC_OVERRIDE'] },
    );
    return { held: has('held'), written: has('written') };
  }

  test('a script for /proc/self/exe is no way to the file on the disk', { timeout }, async (context) => {
    needsPodman(context);
    const before = run('sha256sum', [ours]).stdout;
    expect(await byScript(ours)).toEqual({ held: true, written: false });
    expect(run('sha256sum', [ours]).stdout).toBe(before);
  });

  test('control: it is where the launcher runs from its file', { timeout }, async (context) => {
    needsPodman(context);
    const { launcher, tool } = unguarded('sealing');
    expect(await byScript(tool('ctr-run'))).toEqual({ held: true, written: true });
    expect(readFileSync(launcher, 'latin1').slice(0, mark.length)).toBe(mark);
  });
});

describe('CVE-2022-29162: a file of the image hands inheritable capabilities on', () => {
  /** What a file with +ei is permitted, run by an ordinary user's exec. */
  function permitted(runtime: string): Promise<string | undefined> {
    const root = newRoot();
    mkdirSync(`${root}/greedy`);
    copyFileSync(busybox, `${root}/greedy/grep`);
    expect(run('setcap', ['cap_net_raw+ei', `${root}/greedy/grep`]).status).toBe(0);
    const words = ['/greedy/grep', 'Cap', '/proc/self/status'];
    const flags = ['--cap-drop', 'ALL', '--cap-add', 'NET_RAW'];
    return podman.among(
      runtime,
      root,
      ['sleep', '1000'],
      (container) => {
        const { stdout } = podman.call(runtime, ['exec', '--user', '1000:1000', container, ...words]);
        return /CapPrm:\s+(\w+)/.exec(stdout)?.[1];
      },
      { flags },
    );
  }

  test('exec has none by such a file', async (context) => {
    needsPodman(context, 'command:setcap');
    expect(await permitted(ours)).toBe('0000000000000000');
  });

  test('control: where process.json makes it inheritable, the file hands it on', async (context) => {
    needsPodman(context, 'command:setcap');
    const inheriting = runtimeThrough(
      `p=; for w in "$@"; do
        [ "$p" != --process ] || sed -i 's/"capabilities":{/"capabilities":{"inheritable":["CAP_NET_RAW"],/' "$w"
        p=$w
      done; exec ${ours} "$@"`,
    );
    expect(await permitted(inheriting)).toBe('0000000000002000');
  });
});

describe('CVE-2024-40635, CVE-2026-30892: a user ID comes to be another', () => {
  test('podman refuses numbers that overflow, and what it takes is who it says', async (context) => {
    needsPodman(context);
    await podman.among(ours, newRoot(), ['sleep', '1000'], (container) => {
      for (const user of ['2147483648', '4294967295', '4294967296'])
        expect(podman.call(ours, ['exec', '--user', user, container, 'id']).stderr).toContain(
          'must be in range',
        );
      for (const [user, said] of [
        ['1', '1\n0\n'],
        ['2147483647:1', '2147483647\n1\n'],
      ] as const)
        expect(
          podman.call(ours, ['exec', '--user', user, container, 'sh', '-c', 'id -u; id -g']),
        ).toMatchObject({
          stdout: said,
          stderr: '',
        });
    });
  });
});

describe('CVE-2023-25809: without a cgroup namespace the groups of the host can be written', () => {
  const write =
    'for g in $(find /sys/fs/cgroup -maxdepth 2 -type d); do mkdir $g/ctr-escaped 2>/dev/null && { rmdir $g/ctr-escaped; echo $g; }; done; true';
  const written = (...flags: string[]) =>
    podman.first(ours, newRoot(), ['sh', '-c', write], ['--cgroupns', 'host', ...flags]);

  test('none is written', (context) => {
    needsPodman(context);
    expect(written()).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  test('control: they are where the host’s mount is a volume', (context) => {
    needsPodman(context);
    expect(written('--volume', '/sys/fs/cgroup:/sys/fs/cgroup:rw').stdout).toContain('/sys/fs/cgroup');
  });
});

describe('CVE-2026-88265: a volume at /dev, where null is a link, and stdio is replaced by what it leads to', () => {
  /** What became of root's file in another volume. */
  function written(runtime: string) {
    const [dev, host] = [tempDir('dev'), tempDir('host')];
    for (const at of [dev, host]) chmodSync(at, 0o755);
    const secret = `${host}/secret`;
    writeFileSync(secret, 'of root', { mode: 0o600 });
    symlinkSync('/volume/secret', `${dev}/null`);
    const volumes = ['--volume', `${dev}:/dev`, '--volume', `${host}:/volume`];
    const flags = ['--user', '1000:1000', '--security-opt', 'unmask=ALL', ...volumes];
    podman.first(runtime, newRoot(), ['sh', '-c', 'echo of a container'], flags);
    return { text: readFileSync(secret, 'utf8'), owner: statSync(secret).uid };
  }

  test('root’s file is what it was', (context) => {
    needsPodman(context);
    expect(written(ours)).toEqual({ text: 'of root', owner: 0 });
  });

  test('control: crun writes there, and gives the file away', (context) => {
    needsPodman(context, 'command:crun');
    const words = callOf('crun').map((word) => `'${word}'`);
    // It gives its stdin to the container's user, and that is not to be this machine's /dev/null.
    const node = `${tempDir('node')}/null`;
    run('mknod', [node, 'c', '1', '3']);
    expect(written(runtimeThrough(`exec ${words.join(' ')} "$@" <${node}`))).toEqual({
      text: 'of a container\n',
      owner: 1000,
    });
  });
});

describe('calls of other ABIs pass by a filter', () => {
  const SIGSYS = -31;
  const SIGSEGV = -11;
  const ENOSPC = 28;

  /** What mkdir(2) answers by x86_64's number, x32's and i386's. */
  function answers(profile: string): number[] {
    const root = newRoot();
    const source = join(import.meta.dirname, 'abis.c');
    execFileSync('cc', ['-static', '-no-pie', '-O1', '-o', `${root}/bin/abis`, source]);
    const { stdout } = podman.first(ours, root, ['abis'], ['--security-opt', `seccomp=${profile}`]);
    return stdout.trim().split(' ').map(Number);
  }

  test('x32’s and i386’s end who makes them, under a filter for x86_64; control: without one the kernel answers', (context) => {
    if (process.arch !== 'x64') skip(context, 'the calls are numbered for x86_64');
    needsPodman(context, 'command:cc');
    const profile = `${tempDir('profile')}/profile.json`;
    writeFileSync(
      profile,
      JSON.stringify({
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: ['SCMP_ARCH_X86_64'],
        syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSPC }],
      }),
    );
    const [native, x32, i386] = answers(profile);
    const free = answers('unconfined');
    expect(free[0]).toBe(0);
    expect(free[1]).not.toBe(SIGSYS);
    expect([native, x32]).toEqual([ENOSPC, SIGSYS]);
    // A kernel that takes no calls of 32-bit programs ends who makes one by itself.
    if (free[2] === SIGSEGV) expect(i386).toBe(SIGSEGV);
    else expect(i386).toBe(SIGSYS);
  });
});
