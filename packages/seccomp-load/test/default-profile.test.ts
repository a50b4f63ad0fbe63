import { createHash } from 'node:crypto';
import { AUDIT_ARCH } from '@ctr-tools/sys/constants';
import { describe, expect, test } from 'vitest';
import { type AbiName, abis, isCallAnywhere, table } from '../src/abi.ts';
import { describeReturn } from '../src/actions.ts';
import { decode } from '../src/bpf/program.ts';
import { simulate } from '../src/bpf/simulator.ts';
import { parseCall } from '../src/call.ts';
import { compile } from '../src/compiler.ts';
import { defaultProfile, refusedFamilies } from '../src/default-profile.ts';
import { normalize } from '../src/profile/normalize.ts';
import { select } from '../src/profile/select.ts';
import type { DockerProfile } from '../src/profile/types.ts';
import { asked, stockFilter } from '../src/stock.ts';

const compiled = (caps: readonly string[] = [], abi: AbiName = 'x86_64', kernel = '6.18.0') =>
  compile(normalize(select(defaultProfile, { abi, caps: new Set(caps), kernel }), abi));

const answers = (caps: readonly string[] = [], abi: AbiName = 'x86_64', kernel?: string) => {
  const program = decode(compiled(caps, abi, kernel));
  return (text: string) => describeReturn(simulate(program, parseCall(text, abi)).value);
};

/**
 * What Docker's profile answers a container with Docker's capabilities (docs.docker.com
 * "Seccomp security profiles for Docker", and moby/profiles seccomp/default_linux.go).
 */
describe('a container without special capabilities', () => {
  const ask = answers(['CAP_SYS_CHROOT']);

  test.each(
    `acct add_key bpf clock_adjtime=allow clock_settime create_module delete_module finit_module get_kernel_syms
     get_mempolicy init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind mount
     move_pages nfsservctl open_by_handle_at perf_event_open pidfd_getfd pivot_root process_madvise
     query_module quotactl quotactl_fd reboot request_key set_mempolicy setns settimeofday swapon swapoff sysfs _sysctl
     umount2 unshare uselib userfaultfd ustat vhangup syslog setdomainname sethostname fanotify_init mount_setattr
     move_mount open_tree fsopen fspick fsconfig fsmount io_uring_setup io_uring_enter io_uring_register
     lsm_set_self_attr migrate_pages vserver chroot=allow ptrace=allow process_vm_readv=allow clone3=ENOSYS
     openat2=allow close_range=allow faccessat2=allow pidfd_open=allow memfd_secret=allow landlock_restrict_self=allow
     cachestat=allow fchmodat2=allow futex_wait=allow setxattrat=allow statmount=allow mseal=allow arch_prctl=allow
     modify_ldt=allow open_tree_attr=ENOSYS rseq_slice_yield=ENOSYS`.split(/\s+/),
  )('%s', (word) => {
    const [name, want = 'EPERM'] = word.split('=');
    expect(ask(`${name}(0)`)).toBe(want === 'allow' ? 'allow' : `errno ${want}`);
  });

  test('clone makes processes and threads, but no namespaces', () => {
    expect(ask('clone(CLONE_VM|CLONE_THREAD|CLONE_SIGHAND|SIGCHLD)')).toBe('allow');
    for (const kind of ['NEWNS', 'NEWUTS', 'NEWIPC', 'NEWUSER', 'NEWPID', 'NEWNET', 'NEWCGROUP'])
      expect(ask(`clone(CLONE_${kind}|SIGCHLD)`)).toBe('errno EPERM');
  });

  test('sockets of every family but those with a reason', () => {
    for (let family = 1; family <= 45; family++)
      expect([family, ask(`socket(${family}, SOCK_STREAM, 0)`)]).toEqual([
        family,
        refusedFamilies.has(family) ? 'errno EPERM' : 'allow',
      ]);
    expect(ask('socket(46, 1, 0)')).toBe('errno EPERM');
    // The kernel takes an int: a dirty upper half must not get AF_VSOCK past the filter.
    expect(ask('socket(0x100000028, 1, 0)')).toBe('errno EPERM');
  });

  test('personalities that switch protection off are refused', () => {
    for (const allowed of ['0', '8', '0x20000', '0x20008', '0xffffffff'])
      expect(ask(`personality(${allowed})`)).toBe('allow');
    expect(ask('personality(ADDR_NO_RANDOMIZE)')).toBe('errno EPERM');
    expect(ask('personality(READ_IMPLIES_EXEC)')).toBe('errno EPERM');
  });

  test('32-bit programs run, and are held to the same', () => {
    expect(ask('x86:read(0)')).toBe('allow');
    expect(ask('x86:_llseek(0)')).toBe('allow');
    expect(ask('x86:clock_gettime64(0)')).toBe('allow');
    expect(ask('x86:mount(0)')).toBe('errno EPERM');
    expect(ask('x86:socket(AF_VSOCK)')).toBe('errno EPERM');
    expect(ask('x86:clone(CLONE_NEWUSER)')).toBe('errno EPERM');
    expect(ask('x32:readv(0)')).toBe('allow');
    expect(ask('x32:ptrace(0)')).toBe('allow');
    expect(ask('aarch64:read(0)')).toBe('kill_process');
  });
});

describe('with a capability come the calls it is for', () => {
  test.each([
    [
      'CAP_SYS_ADMIN',
      ['mount(0)', 'unshare(CLONE_NEWNS)', 'clone(CLONE_NEWUSER)', 'clone3(0)', 'setns(0)', 'bpf(0)'],
    ],
    ['CAP_SYS_MODULE', ['init_module(0)', 'delete_module(0)']],
    ['CAP_SYS_PTRACE', ['kcmp(0)', 'pidfd_getfd(0)', 'process_madvise(0)']],
    ['CAP_SYS_TIME', ['clock_settime(0)', 'settimeofday(0)']],
    ['CAP_SYS_NICE', ['mbind(0)', 'set_mempolicy(0)']],
    ['CAP_BPF', ['bpf(0)']],
    ['CAP_PERFMON', ['perf_event_open(0)']],
    ['CAP_SYSLOG', ['syslog(0)']],
    ['CAP_DAC_READ_SEARCH', ['open_by_handle_at(0)']],
  ])('%s', (cap, calls) => {
    const [without, with_] = [answers(), answers([cap])];
    for (const call of calls) {
      expect([call, without(call)]).not.toEqual([call, 'allow']);
      expect([call, with_(call)]).toEqual([call, 'allow']);
    }
  });
  test('never what no capability is for', () => {
    const ask = answers(asked);
    for (const call of [
      'kexec_load(0)',
      'io_uring_setup(0)',
      'userfaultfd(0)',
      'keyctl(0)',
      'add_key(0)',
      'pivot_root(0)',
      'swapon(0)',
    ])
      expect([call, ask(call)]).toEqual([call, 'errno EPERM']);
  });
});

/** Every call of every table, and calls whose arguments decide, with what a profile answers: what it does, in one number. */
function behaviour(profile: DockerProfile, abi: AbiName, caps: readonly string[]): string {
  const host = { abi, caps: new Set(caps), kernel: '6.18.0' };
  const program = decode(compile(normalize(select(profile, host), abi)));
  const hash = createHash('sha256');
  for (const guest of abis.keys())
    for (const name of table(guest).numbers.keys()) {
      const first = deciding[name] ?? ['0'];
      for (const word of first) {
        const call = parseCall(`${guest}:${name}(${word})`, abi);
        hash.update(`${guest} ${name} ${word} ${describeReturn(simulate(program, call).value)}\n`);
      }
    }
  return hash.digest('hex').slice(0, 16);
}

const deciding: Record<string, string[]> = {
  socket: [...Array(48).keys(), 0xffffffff].map(String),
  personality: ['0', '1', '8', '9', '0x20000', '0x20008', '0x40000', '0x400000', '0xffffffff'],
  clone: ['0', '0x11', ...Array.from({ length: 32 }, (_, bit) => `0x${(2 ** bit).toString(16)}`)],
};

/** Docker allows socketcall again, which had broken 32-bit programs, and leaves AF_ALG to AppArmor (moby/moby#52547). */
function withSocketcall(profile: DockerProfile): DockerProfile {
  const others = profile.syscalls!.filter((rule) => !rule.names.includes('socketcall'));
  expect(others).toHaveLength(profile.syscalls!.length - 1);
  return { ...profile, syscalls: [...others, { names: ['socketcall'], action: 'SCMP_ACT_ALLOW' }] };
}

/**
 * moby/profiles seccomp/default.json at 02e898b137ae, by this same function. To be repeated with
 * `seccomp-load ./default.json default --diff --caps … --arch …`, which names x86's socketcall alone.
 */
test.each<[AbiName, string, readonly string[]]>([
  ['x86_64', '1f509ae5f0b77ab2', []],
  ['x86_64', 'ae97ff33c6a0c1d8', ['CAP_SYS_CHROOT']],
  ['x86_64', '31c1b20170859a49', ['CAP_SYS_ADMIN']],
  ['x86_64', '58adcdbca23ee753', asked],
  ['aarch64', 'fc7066226ddcda84', []],
  ['aarch64', 'f5f35f4395f15c1a', ['CAP_SYS_CHROOT']],
  ['aarch64', '1148f53b38b08c1d', ['CAP_SYS_ADMIN']],
  ['aarch64', 'e783e27d8399289a', asked],
  ['riscv64', '3c9b4ec67a46ccea', []],
  ['riscv64', '281cd223b05116ca', ['CAP_SYS_CHROOT']],
  ['riscv64', '9821e7ed711aa08f', ['CAP_SYS_ADMIN']],
  ['riscv64', 'fe9e1d946d8364be', asked],
])('%s: but for socketcall the same answers as Docker’s profile (%s) with %j', (abi, docker, caps) => {
  expect(behaviour(withSocketcall(defaultProfile), abi, caps)).toBe(docker);
});

describe('socketcall, whose arguments no filter sees', () => {
  const made = (profile: DockerProfile, caps: readonly string[]) => {
    const host = { abi: 'x86_64', caps: new Set(caps), kernel: '6.18.0' } as const;
    const program = decode(compile(normalize(select(profile, host), 'x86_64')));
    const calls = Array.from({ length: 22 }, (_, n) => parseCall(`x86:socketcall(${n}, 0x1000)`, 'x86_64'));
    return new Set(calls.map((call) => describeReturn(simulate(program, call).value)));
  };
  test('is not there, whatever the capabilities', () => {
    for (const caps of [[], asked]) expect(made(defaultProfile, caps)).toEqual(new Set(['errno ENOSYS']));
  });
  test('control: by Docker’s rule it makes any socket', () => {
    expect(made(withSocketcall(defaultProfile), [])).toEqual(new Set(['allow']));
  });
});

describe('elsewhere', () => {
  test('a kernel older than 4.8 is not trusted with ptrace', () => {
    expect(answers([], 'x86_64', '4.7.9')('ptrace(0)')).toBe('errno EPERM');
    expect(answers([], 'x86_64', '4.8.0')('ptrace(0)')).toBe('allow');
  });
  test('aarch64 with 32-bit arm, and riscv64', () => {
    const ask = answers([], 'aarch64');
    expect(ask('openat(0)')).toBe('allow');
    expect(ask('arm:set_tls(0)')).toBe('allow');
    expect(ask('arm:usr26(0)')).toBe('errno EPERM');
    expect(ask('arm:mount(0)')).toBe('errno EPERM');
    expect(ask('arm:500(0)')).toBe('errno ENOSYS');
    expect(answers([], 'riscv64')('riscv_flush_icache(0)')).toBe('allow');
    expect(answers([], 'riscv64')('unshare(0)')).toBe('errno EPERM');
  });
  test('every name is a call of some kernel, and is named once', () => {
    const always = defaultProfile.syscalls!.filter((rule) => !rule.args && !rule.includes && !rule.excludes);
    const names = always.flatMap((rule) => rule.names);
    expect(names.filter((name) => !isCallAnywhere(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });
  test('every table has the calls that it must have', () => {
    for (const abi of abis.keys()) {
      const { numbers, newest } = table(abi);
      for (const name of ['read', 'openat', 'clone3', 'fchroot', 'execveat'])
        expect([abi, name, numbers.has(name)]).toEqual([abi, name, true]);
      expect(newest).toBe(abi === 'x32' ? 547 : 472);
    }
    expect(table('x86_64').numbers.get('openat')).toBe(257);
    expect(table('x86').numbers.get('socketcall')).toBe(102);
    expect(table('aarch64').numbers.get('openat')).toBe(56);
    expect(table('arm').numbers.get('set_tls')).toBe(0x0f0005);
  });
  test('what lies compiled is what would be compiled', () => {
    for (const abi of ['x86_64', 'aarch64'] as const)
      for (const caps of [[], ['CAP_SYS_CHROOT'], ['CAP_SYS_CHROOT', 'CAP_NET_RAW'], asked]) {
        const stock = stockFilter(abi, new Set(caps));
        expect(stock && Buffer.from(stock).equals(compiled(caps, abi))).toBe(true);
      }
    expect(stockFilter('x86_64', new Set(['CAP_SYS_TIME']))).toBeUndefined();
  });
  test('the foreign ABI of an x86_64 call is told by its architecture alone', () => {
    const program = decode(compiled());
    expect(describeReturn(simulate(program, { arch: AUDIT_ARCH.I386, nr: 0x40000000, args: [] }).value)).toBe(
      'errno ENOSYS',
    );
  });
});
