import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type AnyStep, exec, O_ROOT, run, slot, template } from './launcher.ts';
import { here, inside, op, sh } from './ops.ts';

const status = (...names: string[]) => exec('grep', '-E', `^(${names.join('|')}):`, '/proc/self/status');
const fields = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((l) => l.split(/:\s*/) as [string, string]),
  );

test('groups, gid, uid and capabilities are what was asked for', () => {
  const netBind = 1n << 10n;
  const { stdout, stderr } = here([
    op('bounding', { keep: netBind | 1n }),
    op('setgroups', { gids: [5, 70000, 6] }),
    op('setgid', { gid: 1234 }),
    op('keep_caps', { on: 1 }),
    op('setuid', { uid: 4321 }),
    op('capset', { effective: netBind, permitted: netBind, inheritable: netBind }),
    op('ambient', { caps: netBind }),
    op('no_new_privs', {}),
    status('Uid', 'Gid', 'Groups', 'Cap...', 'NoNewPrivs'),
  ]);
  expect(stderr).toBe('');
  expect(fields(stdout)).toEqual({
    Uid: '4321\t4321\t4321\t4321',
    Gid: '1234\t1234\t1234\t1234',
    Groups: '5 6 70000 ',
    CapInh: '0000000000000400',
    CapPrm: '0000000000000400',
    CapEff: '0000000000000400',
    CapBnd: '0000000000000401',
    CapAmb: '0000000000000400',
    NoNewPrivs: '1',
  });
});

test('a number that is not an ID is refused, where setresuid(2) would have gone on as root', () => {
  const who = exec('id', '-u');
  expect(here([op('setuid', { uid: 4294967294 }), who]).stdout).toBe('4294967294\n');
  for (const id of [4294967295, 4294967296, 2 ** 33 + 1000, -1]) {
    for (const steps of [
      [op('setuid', { uid: id })],
      [op('setgid', { gid: id })],
      [op('setgroups', { gids: [id] })],
    ]) {
      const { status: code, stdout, stderr } = here([...steps, who]);
      expect([code, stdout]).toEqual([125, '']);
      expect(stderr).toMatch(/Invalid argument/);
    }
  }
});

test('no ID is left by which there is a way back, before a command is executed either', () => {
  const status = slot('status');
  const { stdout } = here([
    op('setgid', { gid: 1001 }),
    op('setuid', { uid: 1000 }),
    op('read_file', { path: '/proc/self/status', text: status }),
    op('print', { fd: 1, text: status }),
    op('exit', { code: 0 }),
  ]);
  // Real, effective, saved, of the file system (proc_pid_status(5)).
  expect(stdout).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m);
  expect(stdout).toMatch(/^Gid:\t1001\t1001\t1001\t1001$/m);
});

test('an owner that is not an ID is refused, but for -1, which leaves it', () => {
  for (const id of [4294967295, 4294967296]) {
    expect(here([op('own_stdio', { uid: id, gid: -1 })]).status).toBe(125);
    expect(here([op('chown', { path: '/nowhere', uid: -1, gid: id })]).stderr).toMatch(/Invalid argument/);
    const holder = { uid: id, gid: -1, pid: slot('pid'), userns: slot('userns') };
    expect(here([op('user_namespace', holder)]).stderr).toMatch(/Invalid argument/);
  }
  expect(here([op('chown', { path: '/nowhere', uid: -1, gid: -1 })]).stderr).toMatch(/No such file/);
});

test('capabilities above 31 are not lost', () => {
  const all = BigInt(`0x${fields(readFileSync('/proc/self/status', 'utf8')).CapPrm}`);
  const bpf = 1n << 39n;
  const { stdout } = here([
    op('capset', { effective: bpf, permitted: all, inheritable: bpf }),
    sh('grep CapInh /proc/self/status'),
  ]);
  expect(stdout).toBe('CapInh:\t0000008000000000\n');
});

test('an ambient capability that is not inheritable is named', () => {
  expect(here([op('ambient', { caps: 1 << 10 })]).stderr).toMatch(/capability 10 must be/);
});

test('the ambient set is exactly what was asked for: what was in it before goes', () => {
  const [kill, chown] = [1n << 5n, 1n << 0n];
  const all = BigInt(`0x${fields(readFileSync('/proc/self/status', 'utf8')).CapPrm}`);
  const both = op('capset', { effective: all, permitted: all, inheritable: kill | chown });
  const ambient = (...sets: bigint[]) =>
    fields(here([both, ...sets.map((caps) => op('ambient', { caps })), status('CapAmb')]).stdout).CapAmb;
  expect(ambient(kill | chown)).toBe('0000000000000021');
  expect(ambient(kill | chown, kill)).toBe('0000000000000020');
  expect(ambient(kill, 0n)).toBe('0000000000000000');
});

test('securebits', () => {
  const { stdout } = here([op('securebits', { bits: 0x2f }), exec('setpriv', '--dump')]);
  expect(stdout).toMatch(/Securebits: .*noroot,noroot_locked,no_setuid_fixup,no_setuid_fixup_locked/);
});

/** struct sock_filter: code, jt, jf, k */
const insn = (code: number, jt: number, jf: number, k: number): Buffer => {
  const b = Buffer.alloc(8);
  b.writeUInt16LE(code);
  b.writeUInt8(jt, 2);
  b.writeUInt8(jf, 3);
  b.writeUInt32LE(k >>> 0, 4);
  return b;
};
/** mkdir(2) and mkdirat(2) answer `action`; all else is allowed. x86-64 and arm64 by arch. */
const filter = (action: number): Buffer => {
  const [mkdir, mkdirat] = process.arch === 'arm64' ? [34, 34] : [83, 258];
  return Buffer.concat([
    insn(0x20, 0, 0, 0),
    insn(0x15, 1, 0, mkdir),
    insn(0x15, 0, 1, mkdirat),
    insn(6, 0, 0, action),
    insn(6, 0, 0, 0x7fff0000),
  ]);
};
const EXDEV = 0x00050000 | 18;

test('a filter decides', () => {
  const { stderr } = here([
    op('seccomp', { filter: filter(EXDEV), flags: 0, listener: slot('l') }),
    sh('mkdir /tmp/ctr-test-never; exit 0'),
  ]);
  expect(stderr).toMatch(/cross-device/);
});

test('a filter that refuses every call, exit_group too, ends the process', () => {
  const nothing = insn(6, 0, 0, 0x00050001);
  const ended = run([op('seccomp', { filter: nothing, flags: 0, listener: slot('l') }), exec('true')]);
  expect(ended).toMatchObject({ status: null, signal: 'SIGILL' });
});

test('a listener is a descriptor, and none is -1', () => {
  const listen = (flags: number): AnyStep[] => [
    op('seccomp', { filter: filter(0x7fff0000), flags, listener: slot('l') }),
    op('print', { fd: 1, text: template`${slot('l')}` }),
  ];
  expect(Number(here(listen(8)).stdout)).toBeGreaterThan(2);
  expect(here(listen(0)).stdout).toBe('-1\n');
});

test('bytes that are no filter are refused', () => {
  for (const bad of [Buffer.alloc(0), Buffer.alloc(7), filter(0).subarray(0, 8)])
    expect(here([op('seccomp', { filter: bad, flags: 0, listener: slot('l') })]).status).toBe(125);
});

test('without privilege a filter says what it needs', () => {
  const { stderr } = here([
    op('setuid', { uid: 1 }),
    op('seccomp', { filter: filter(EXDEV), flags: 0, listener: slot('l') }),
  ]);
  expect(stderr).toMatch(/no_new_privs/);
});

test('lsm_attr does not take a file for the attribute', () => {
  const { status: code } = inside(
    [op('lsm_attr', { attr: 'exec', value: 'x' })],
    '--mount --pid --fork',
    'mount -t tmpfs x /proc && mkdir -p /proc/thread-self/attr && : >/proc/thread-self/attr/exec',
  );
  expect(code).toBe(125); // no LSM here takes it; a fake file would have
});

test('limits keep 64 bits', () => {
  const { stdout } = here([
    op('prlimit', { resource: 4, soft: 12345n, hard: 0xffff_ffff_ffff_ffffn }),
    op('prlimit', { resource: 1, soft: 1n << 40n, hard: 1n << 41n }),
    exec('grep', '-E', 'core file|file size', '/proc/self/limits'),
  ]);
  expect(stdout).toMatch(/core file size +12345 +unlimited/);
  expect(stdout).toMatch(/file size +1099511627776 +2199023255552/);
});

test('umask, personality, I/O priority and affinity', () => {
  const { stdout, stderr } = here([
    op('umask', { mask: 0o137 }),
    op('personality', { persona: 0x0040000 }),
    op('ioprio', { value: (2 << 13) | 3 }),
    op('affinity', { pid: 0, mask: Buffer.from([1]) }),
    sh('umask; cat /proc/self/personality; ionice; grep Cpus_allowed_list /proc/self/status'),
  ]);
  expect(stderr).toBe('');
  expect(stdout).toBe('0137\n00040000\nbest-effort: prio 3\nCpus_allowed_list:\t0\n');
});

test('scheduler and memory policy', () => {
  const attr = Buffer.alloc(48);
  attr.writeUInt32LE(48, 0);
  attr.writeUInt32LE(3, 4); // SCHED_BATCH
  attr.writeInt32LE(5, 16);
  const { stdout, stderr } = here([
    op('scheduler', { attr }),
    op('mempolicy', { mode: 2, nodes: Buffer.from([1]), maxnode: 64 }),
    sh('chrt -p $$; nice; grep -m1 heap /proc/self/numa_maps | cut -d" " -f2'),
  ]);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/SCHED_BATCH/);
  expect(stdout).toMatch(/\n5\n/);
  expect(stdout).toMatch(/bind:0|^((?!heap).)*$/s);
  expect(here([op('scheduler', { attr: Buffer.alloc(3) })]).status).toBe(125);
});

test('a session keyring of its own, which its user may search', () => {
  const { stdout, stderr } = here([op('keyring', { name: 'ctr-test-ring' }), exec('cat', '/proc/keys')]);
  expect(stderr).toBe('');
  const line = stdout.split('\n').find((l) => l.includes('ctr-test-ring'));
  expect(line).toMatch(/ 3f1b0000 /);
});

test('chdir proves that it stayed inside', () => {
  const { stdout } = here([op('chdir', { path: '/usr', inside: 1 }), sh('pwd')]);
  expect(stdout).toBe('/usr\n');
});

test('a leaked descriptor of the host is no working directory', () => {
  const root = slot('root');
  const { stderr, status: code } = inside([
    op('open', { path: '/etc', flags: 0o200000, mode: 0, fd: slot('leak') }),
    op('mount', {
      root: -1,
      target: '/mnt',
      type: 'tmpfs',
      source: 't',
      flags: 0,
      data: '',
      make: 'directory',
    }),
    op('open', { path: '/mnt', flags: O_ROOT, fd: root }),
    op('mount', { root, target: '/proc', type: 'proc', source: 'p', flags: 0, data: '', make: 'directory' }),
    op('change_root', { root }),
    op('chdir', { path: template`/proc/self/fd/${slot('leak')}`, inside: 1 }),
  ]);
  expect(code).toBe(125);
  expect(stderr).toMatch(/outside of the container's root/);
});

test('descriptors: dup2 lets the command have them, close_others does not', () => {
  const opened = op('open', { path: '/etc/passwd', flags: 0, mode: 0, fd: slot('f') });
  const { stdout } = here([
    opened,
    op('dup2', { from: slot('f'), to: 8 }),
    op('dup2', { from: slot('f'), to: 9 }),
    op('close_others', { keep: [8, -1], directories: 0 }),
    exec('ls', '/proc/self/fd'),
  ]);
  expect(stdout.trim().split('\n')).toEqual(['0', '1', '2', '3', '8']); // 3: ls itself
});

test('own_stdio gives away what it may', () => {
  const { stdout, stderr } = here([
    op('own_stdio', { uid: 4321, gid: -1 }),
    sh('stat -L -c %u:%g /dev/stdin /dev/stdout; stat -c %u /dev/null'),
  ]);
  expect(stderr).toBe('');
  expect(stdout).toBe('4321:0\n4321:0\n0\n');
});

test('names', () => {
  const { stdout } = inside(
    [
      op('hostname', { name: 'h' }),
      op('domainname', { name: 'd.example' }),
      sh('uname -n; cat /proc/sys/kernel/domainname'),
    ],
    '--mount --uts',
  );
  expect(stdout).toBe('h\nd.example\n');
});

test('variables that nobody named survive byte for byte', () => {
  const steps = [
    op('setenv', { name: 'A', value: 'new' }),
    op('unsetenv', { name: 'GONE' }),
    exec('cat', '/proc/self/environ'),
  ];
  // What no shell would pass on: entries without "=", duplicates.
  const odd = `import os,ctypes,sys
l=ctypes.CDLL(None); e=[b"odd",b"A=1",b"GONE=1",b"B=b",b"A=2",b"B=c",b"=x",b"GONE=2",b"\\xff=\\xfe",b"PATH=/usr/bin:/bin"]
a=[x.encode() for x in sys.argv[1:]]
v=lambda x:(ctypes.c_char_p*(len(x)+1))(*x,None)
l.execve(a[0],v(a),v(e))`;
  const { stdout, stderr } = inside(steps, '--mount', `exec python3 -c "$ODD" "$L" --plan "$P"`, {
    ODD: odd,
  });
  expect(stderr).toBe('');
  expect(Buffer.from(stdout, 'latin1').toString('latin1').split('\0').slice(0, 6)).toEqual([
    'odd',
    'A=new',
    'B=b',
    'B=c',
    '=x',
    expect.stringMatching(/=/),
  ]);
  expect(stdout).toMatch(/PATH=\/usr\/bin:\/bin\0$/);
});

test('environ replaces everything', () => {
  const { stdout } = here([
    op('environ', { env: ['PATH=/usr/bin:/bin', 'X=1', 'X=2'] }),
    exec('cat', '/proc/self/environ'),
  ]);
  expect(stdout).toBe('PATH=/usr/bin:/bin\0X=1\0X=2\0');
});

test('a name with "=" is refused', () => {
  expect(here([op('setenv', { name: 'a=b', value: '' })]).status).toBe(125);
});
