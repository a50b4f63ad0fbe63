import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseStatus } from '@ctr-tools/sys/proc';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { findCommand, skip, toolPath } from '../../../test/support.ts';

const tool = toolPath('caps-drop');
const status = ['cat', '/proc/self/status'];

function run(...argv: string[]) {
  const { status: code, stdout, stderr } = spawnSync(tool, argv, { encoding: 'utf8' });
  return { code, stdout, stderr };
}

/** What the kernel says of a command started so. */
function after(...argv: string[]) {
  const { code, stdout, stderr } = run(...argv, '--', ...status);
  expect([code, stderr]).toEqual([0, '']);
  return parseStatus(stdout);
}

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ctr-test-caps-'));
  chmodSync(dir, 0o755);
});
afterAll(() => rmSync(dir, { recursive: true }));

const self = parseStatus(readFileSync('/proc/self/status', 'latin1'));

describe('a command', () => {
  it('without any capability', () => {
    expect(after('--all')).toMatchObject({ permitted: 0n, effective: 0n, bounding: 0n, inheritable: 0n });
  });

  it('with one', () => {
    const one = 1n << 10n;
    expect(after('--only', 'net_bind_service')).toMatchObject({
      permitted: one,
      effective: one,
      bounding: one,
    });
  });

  it('less one', () => {
    expect(after('--drop', 'kill').effective).toBe(self.effective & ~(1n << 5n));
  });

  it('as another user that keeps one', () => {
    const one = 1n << 10n;
    expect(after('--user', '1234:1235', '--groups', '7,8', '--only', '10', '--ambient', '10')).toMatchObject({
      uids: [1234, 1234, 1234, 1234],
      gids: [1235, 1235, 1235, 1235],
      groups: [7, 8],
      permitted: one,
      effective: one,
      ambient: one,
      inheritable: one,
    });
  });

  it('as another user by name, with its own groups', () => {
    const found = after('--user', 'daemon', '--groups', 'init');
    expect(found).toMatchObject({ uids: [1, 1, 1, 1], gids: [1, 1, 1, 1], groups: [1], permitted: 0n });
  });

  it('as a user whom only the name service knows', () => {
    // What LDAP or systemd would answer: it is getent that is asked, and no file that is read.
    const known = join(dir, 'getent');
    const answers =
      'passwd) echo "remote:x:4242:4243::/:/bin/sh";; initgroups) echo "remote 4243 4250 4251";; *) exit 2;;';
    writeFileSync(known, `#!/bin/sh\n[ "$2" = remote ] || exit 2\ncase $1 in ${answers} esac\n`, {
      mode: 0o755,
    });
    const place = findCommand('getent')!;
    const line = `mount --bind ${known} ${place} && exec ${tool} --user remote --groups init -- cat /proc/self/status`;
    const found = parseStatus(execFileSync('unshare', ['--mount', 'sh', '-c', line], { encoding: 'utf8' }));
    expect(found).toMatchObject({
      uids: [4242, 4242, 4242, 4242],
      gids: [4243, 4243, 4243, 4243],
      groups: [4243, 4250, 4251],
    });
    expect(run('--user', 'remote', '--groups', 'none', '--', 'true')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('--user remote: no such user (getent passwd remote)'),
    });
  });

  it('without a way to more', () => {
    expect(after('--no-new-privs')).toMatchObject({ noNewPrivs: true, effective: self.effective });
  });

  it('under securebits: root is nobody special', () => {
    expect(after('--securebits', 'noroot,noroot_locked').effective).toBe(0n);
  });

  it('in a chain, fused or not, is the same', () => {
    const chain = [tool, '--only', 'kill,chown', 'caps-drop', '--drop', 'chown', '--no-new-privs', ...status];
    const parted = [tool, '--only', 'kill,chown', tool, '--drop', 'chown', '--no-new-privs', ...status];
    const same = (argv: string[]) => {
      const found = parseStatus(execFileSync(argv[0]!, argv.slice(1), { encoding: 'utf8' }));
      return found;
    };
    expect(same(chain)).toEqual(same(parted));
    expect(same(chain)).toMatchObject({ effective: 1n << 5n, noNewPrivs: true });
  });

  it('has no ambient capability that the caller had, where none is wanted', () => {
    const given = ['--inh-caps=-all,+kill,+chown', '--ambient-caps=-all,+kill,+chown'];
    const within = (...command: string[]) =>
      parseStatus(execFileSync('setpriv', [...given, ...command], { encoding: 'utf8' }));
    // Control: over an exec they stay, as inheritable and permitted.
    expect(within(...status)).toMatchObject({ ambient: 0x21n, inheritable: 0x21n });
    expect(within(tool, '--ambient', 'none', ...status)).toMatchObject({ ambient: 0n, inheritable: 0x21n });
    expect(within(tool, '--ambient=-kill', ...status)).toMatchObject({ ambient: 1n, inheritable: 0x21n });
    const peer = within('setpriv', '--ambient-caps=-kill', ...status);
    expect(within(tool, '--ambient=-kill', ...status)).toEqual(peer);
  });

  it('agrees with setpriv of util-linux', () => {
    const peer = parseStatus(
      execFileSync(
        'setpriv',
        [
          '--reuid=1234',
          '--regid=1235',
          '--clear-groups',
          '--inh-caps=-all,+kill',
          '--ambient-caps=-all,+kill',
          '--bounding-set=-all,+kill',
          ...status,
        ],
        { encoding: 'utf8' },
      ),
    );
    expect(after('--user', '1234:1235', '--groups', 'none', '--only', 'kill', '--ambient', 'kill')).toEqual(
      peer,
    );
  });
});

describe('without privilege', () => {
  const unprivileged = ['--user', '65534:65534', '--groups', 'none', '--', tool];

  it('the bounding set cannot be cut', () => {
    const { code, stderr } = run(...unprivileged, '--all', '--', 'true');
    expect([code, stderr]).toEqual([125, expect.stringMatching(/^caps-drop: add --no-new-privs, .*\n$/)]);
    expect(stderr.length).toBeLessThan(250);
  });

  it('it need not be with no_new_privs', () => {
    expect(run(...unprivileged, '--all', '--no-new-privs', '--', 'true')).toMatchObject({
      code: 0,
      stderr: '',
    });
  });

  it('nobody else can be become', () => {
    const { code, stderr } = run(...unprivileged, '--user', '5', '--', 'true');
    expect([code, stderr]).toEqual([125, expect.stringMatching(/become user 5: .*CAP_SETUID/)]);
  });
});

it('where the kernel tells nothing, learning is an error that says what it takes', () => {
  const without = [
    '--user',
    '65534:65534',
    '--groups',
    'none',
    '--',
    tool,
    '--learn',
    join(dir, 'no'),
    '--',
    'true',
  ];
  const { code, stderr } = run(...without);
  expect([code, stderr]).toEqual([125, expect.stringMatching(/^caps-drop: learn capabilities: .*root.*\n$/)]);
});

describe('asking', () => {
  it('shows the caller, not the planner', () => {
    const { stdout } = run('--only', 'kill', '--no-new-privs', '--', tool, '--show', '--json');
    const report = JSON.parse(stdout) as { capabilities: Record<string, string[]>; noNewPrivs: boolean };
    expect(report.noNewPrivs).toBe(true);
    expect(report.capabilities.effective).toEqual(['CAP_KILL']);
  });

  it('answers by exit status', () => {
    expect(run('--has', 'chown,kill').code).toBe(0);
    expect(run('--only', 'kill', '--', tool, '--has', 'chown').code).toBe(1);
    expect(run('--has', 'kill', '--pid', '4194304')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('no such process'),
    });
  });

  it('finds files that grant capabilities', () => {
    const file = join(dir, 'a b');
    writeFileSync(file, '');
    execFileSync('setcap', ['cap_net_raw,cap_kill=ep', file]);
    expect(run('--files', dir).stdout).toBe(`${file} cap_kill,cap_net_raw=ep\n`);
    expect(execFileSync('getcap', [file], { encoding: 'utf8' })).toBe(`${file} cap_kill,cap_net_raw=ep\n`);
  });

  it('lists all processes', () => {
    const { stdout } = run('--tree', '--json');
    const list = JSON.parse(stdout) as { pid: number }[];
    expect(list.map(({ pid }) => pid)).toContain(process.pid);
  });

  it('decodes both ways', () => {
    expect(run('--decode', 'chown,kill').stdout).toBe('0000000000000021\n');
    expect(run('--decode', '0x21').stdout).toMatch(/^CAP_CHOWN +.*\nCAP_KILL +/);
  });
});

const events = spawnSync('unshare', [
  '-m',
  'sh',
  '-c',
  'mount -t tracefs t /mnt && ls -d /mnt/events/capability/cap_capable || ls /mnt/kprobe_events',
]);

describe.skipIf(events.status !== 0)('learning', () => {
  it('finds what a command needs, and the set is enough and no larger', () => {
    const file = join(dir, 'learned.txt');
    const target = join(dir, 'owned');
    writeFileSync(target, '');
    const command = ['chown', '12:12', target];
    expect(run('--learn', file, '--', ...command).code).toBe(0);
    const list = readFileSync(file, 'utf8').trim();
    expect(list).toBe('chown');
    execFileSync('chown', ['0:0', target]);
    expect(run('--only', list, '--', ...command).code).toBe(0);
    execFileSync('chown', ['0:0', target]);
    expect(run('--all', '--', ...command).code).toBe(1);
  });

  it('finds the same in a PID namespace, whose numbers are not those of the record', () => {
    const target = join(dir, 'owned-inside');
    writeFileSync(target, '');
    const inside = ['--pid', '--fork', '--mount-proc', tool, '--learn', '-', '--', 'chown', '12:12', target];
    const { stdout, stderr } = spawnSync('unshare', inside, { encoding: 'utf8' });
    expect(stderr).toContain('needed: chown\n');
    expect(stdout).toBe('chown\n');
  });

  it('passes on a SIGTERM, and tells what was learned until then', () => {
    const command = `trap "echo told; exit 4" TERM; : > ${dir}/trapped; while :; do sleep 0.1; done`;
    const line = `(until [ -e ${dir}/trapped ]; do sleep 0.1; done; kill -TERM $$) & exec "$@"`;
    const words = ['-c', line, 'sh', tool, '--learn', '-', '--', 'sh', '-c', command];
    const { status: code, stdout } = spawnSync('sh', words, { encoding: 'utf8' });
    expect([code, stdout]).toEqual([4, 'told\nnone\n']);
  });

  /** As ping(8) does: drop all but one by capset(2), which asks for setpcap, use that, and ask again. */
  const python = (body: string) => [
    'python3',
    '-Sc',
    `import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def capset(mask):
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(mask, mask, 0, 0, 0, 0)
    return libc.capset(head, data)
${body}`,
  ];

  /** Before the event a probe is what tells, which the kernel's own question of capset(2) passes by. */
  function seesSetpcap(context: TestContext): void {
    if (!events.stdout.toString().includes('events/capability/cap_capable'))
      skip(context, 'this kernel has no event capability:cap_capable');
  }

  it('proves by a second run what was granted once and refused later, and drops it', (context) => {
    seesSetpcap(context);
    const file = join(dir, 'proven.txt');
    const runs = join(dir, 'runs');
    writeFileSync(runs, '');
    const owned = join(dir, 'proven-owned');
    writeFileSync(owned, '');
    const body = `open('${runs}', 'a').write('x'); capset(1); os.chown('${owned}', 12, 12); capset(1)`;
    const { code, stderr } = run('--learn', file, '--', ...python(body));
    expect(code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('chown\n');
    expect(stderr).toContain('setpcap was granted and later refused: runs the command again with chown\n');
    expect(stderr).toContain('needed: chown\n');
    expect(stderr).toMatch(/refused, and therefore not in the set: .*setpcap/);
    expect(readFileSync(runs, 'utf8')).toBe('xx');
    expect(run('--only', 'chown', '--', ...python(body)).code).toBe(0);
  });

  it('keeps what the second run misses, and says so', (context) => {
    seesSetpcap(context);
    // PR_CAPBSET_DROP (24) cannot do without it.
    const body = 'sys.exit(5) if libc.prctl(24, 13, 0, 0, 0) else capset(1); capset(1)';
    const { code, stdout, stderr } = run('--learn', '-', '--', ...python(body));
    expect([code, stdout]).toEqual([0, 'setpcap\n']);
    expect(stderr).toContain('without setpcap it ends with 5, not 0: setpcap stays\n');
    expect(stderr).not.toMatch(/not in the set: .*setpcap/);
  });

  it('does not run again what a signal ended', (context) => {
    seesSetpcap(context);
    const runs = join(dir, 'killed');
    writeFileSync(runs, '');
    const body = `open('${runs}', 'a').write('x'); capset(1); capset(1); os.kill(os.getpid(), 15)`;
    const { code, stderr } = run('--learn', '-', '--', ...python(body));
    expect(code).toBe(143);
    expect(stderr).toContain('as a signal ended the run, it stays');
    expect(readFileSync(runs, 'utf8')).toBe('x');
  });

  it('passes on how the command ended and leaves no trace', () => {
    const file = join(dir, 'none.txt');
    expect(run('--learn', file, '--', 'sh', '-c', 'exit 7').code).toBe(7);
    expect(readFileSync(file, 'utf8')).toBe('none\n');
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain('ctr-tracefs-');
  });
});
