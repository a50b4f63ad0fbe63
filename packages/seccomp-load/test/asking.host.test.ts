/** What asks nothing of the kernel: errors, pipes, and questions about profiles, by the built tool. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runShell, runTool } from '../../../test/support.ts';
import { documents, load } from './running.ts';

const { dir, file } = documents();

/** Without the call's numbers at the end of a line. */
const unnumbered = (text: string): string => text.replace(/ {2}\w+ \d+(?:, \w+ \d+)*(?=\n|$)/g, '');

describe('errors', () => {
  test('what is wrong is said before anything runs', () => {
    expect(load('defalt', '--', 'true')).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('no profile "defalt"'),
    });
    expect(load(join(dir, 'none.json'), '--', 'true').stderr).toMatch(
      /read .*none\.json: there is no such file/,
    );
    const bad = file('bad.json', {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['read'], action: 'X' }],
    });
    expect(load(bad, '--', 'true').stderr).toMatch(/bad\.json: syscalls\[0\]\.action: found the string "X"/);
    const weak = file('weak.json', {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mout'], action: 'SCMP_ACT_ERRNO' }],
    });
    expect(load(weak, '--', 'true')).toMatchObject({ status: 125, stderr: expect.stringContaining('mout') });
    const asks = file('asks.json', {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
    });
    expect(load(asks, '--', 'true').stderr).toMatch(/names no listenerPath/);
    expect(load('default', '--', 'no-such-command').status).toBe(127);
  });
});

describe('in a pipe', () => {
  test('linux.seccomp is amended and taken out again', () => {
    const spec = {
      ociVersion: '1.2.0',
      process: { capabilities: { bounding: ['CAP_SYS_ADMIN'] } },
      linux: { maskedPaths: ['/x'] },
    };
    const amended = runTool('seccomp-load', ['default', '--log'], { input: JSON.stringify(spec) });
    const { linux } = JSON.parse(amended.stdout);
    expect(linux.maskedPaths).toEqual(['/x']);
    expect(linux.seccomp.flags).toEqual(['SECCOMP_FILTER_FLAG_LOG']);
    // the bounding set of the spec decides
    expect(linux.seccomp.syscalls.some((r: { names: string[] }) => r.names.includes('mount'))).toBe(true);
    const undone = runTool('seccomp-load', ['unconfined'], { input: amended.stdout });
    expect(JSON.parse(undone.stdout)).toEqual(spec);
    expect(runTool('seccomp-load', ['default', 'default'], { input: '{}' }).status).toBe(125);
  });
});

describe('compiled filters', () => {
  test('are written to files and descriptors, the same each time', () => {
    const path = join(dir, 'filter.bpf');
    expect(load('default', '--raw', path).status).toBe(0);
    const line = `seccomp-load default --raw - | cmp - ${path} && seccomp-load default --raw 9 9>&1 | cmp - ${path}`;
    expect(runShell(line)).toMatchObject({ status: 0, stdout: '' });
    expect(load(path, 'default', '--diff')).toMatchObject({ status: 0, stdout: '' });
    const cut = join(dir, 'cut.bpf');
    writeFileSync(cut, readFileSync(path).subarray(0, 12));
    expect(load('--raw', cut, '--', 'true')).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/no compiled filter: its 12 bytes are no multiple of 8/),
    });
    expect(load('default', '--raw', '77').stderr).toMatch(/descriptor 77 is not open/);
  });
});

describe('--test', () => {
  test('says what the filter answers and which rule says so, on every architecture', () => {
    const ask = (arch: string, ...calls: string[]) => {
      const flags = calls.flatMap((call) => ['--test', call]);
      return load('default', '--caps', 'none', '--arch', arch, ...flags);
    };
    const openat = 'openat(AT_FDCWD, "/etc/passwd", O_RDONLY)';
    for (const arch of ['x86_64', 'x86', 'x32', 'aarch64', 'arm', 'riscv64']) {
      const { status, stdout, stderr } = ask(arch, openat, 'mount("a", "b")', 'socket(AF_VSOCK)', '7777(1)');
      expect([arch, status, stderr]).toEqual([arch, 1, '']);
      const lines = stdout.split('\n').map((line) => unnumbered(line).replace(/ {2}.*: /, '  '));
      expect(lines).toEqual([
        `${openat}  allow  (syscalls[1]: paths: the mount namespace, file modes and LSMs decide)`.replace(
          / {2}.*: /,
          '  ',
        ),
        'mount("a", "b")  errno EPERM  (defaultAction)',
        'socket(AF_VSOCK)  errno EPERM  (defaultAction)',
        '7777(1)  errno ENOSYS  (no kernel known here has such a call)',
        '',
      ]);
    }
    expect(ask('x86_64', 'read(0)').status).toBe(0);
    expect(unnumbered(ask('x86_64', 'riscv64:read(0)').stdout)).toBe(
      'riscv64:read(0)  kill_process  (the profile does not name this ABI)\n',
    );
    // Numbers are of the machine that is asked about, and its guests.
    expect(ask('aarch64', 'read(0)').stdout).toMatch(/ {2}aarch64 63, arm 3\n$/);
    expect(ask('riscv64', 'read(0)').stdout).toMatch(/ {2}riscv64 63\n$/);
  });

  test('several profiles: the strictest answer, and whose it is', () => {
    const strict = file('strict.json', {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_KILL_PROCESS' }],
    });
    expect(load('default', strict, '--test', 'read(0)', '--json')).toMatchObject({ status: 1 });
    const [answer] = JSON.parse(load('default', strict, '--test', 'read(0)', '--json').stdout);
    expect(answer).toMatchObject({ answer: 'kill_process', because: `${strict}: syscalls[0]` });
  });
});

describe('where a profile comes from', () => {
  const seccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO', errnoRet: 30 }],
  };
  const answer = 'mkdir(0)  errno EROFS  (syscalls[0])\n';

  test('a file, stdin, a whole spec, and Docker’s and podman’s formats', () => {
    const ask = (input: unknown) =>
      unnumbered(
        runTool('seccomp-load', ['-', '--test', 'mkdir(0)'], { input: JSON.stringify(input) }).stdout,
      );
    expect(ask(seccomp)).toBe(answer);
    expect(ask({ ociVersion: '1.2.0', linux: { seccomp } })).toBe(answer);
    expect(
      unnumbered(
        load(file('spec.json', { ociVersion: '1.2.0', linux: { seccomp } }), '--test', 'mkdir(0)').stdout,
      ),
    ).toBe(answer);
    const podman = { ...seccomp, syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO', errno: 'EROFS' }] };
    expect(ask(podman)).toBe(answer);
    const docker = { ...seccomp, archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: [] }] };
    expect(ask({ ...docker, syscalls: [{ ...seccomp.syscalls[0], includes: { minKernel: '4.8' } }] })).toBe(
      answer,
    );
    expect(ask({ ...docker, syscalls: [{ ...seccomp.syscalls[0], excludes: { minKernel: '4.8' } }] })).toBe(
      'mkdir(0)  allow  (defaultAction)\n',
    );
  });
});

describe('--diff', () => {
  const profile = (value: number, flavour: string) =>
    file(`${flavour}-${value}.json`, {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [
        ...(flavour === 'split'
          ? [
              { names: ['read'], action: 'SCMP_ACT_ALLOW' },
              { names: ['write'], action: 'SCMP_ACT_ALLOW' },
            ]
          : [{ names: ['write', 'read'], action: 'SCMP_ACT_ALLOW' }]),
        {
          names: ['socket'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
        },
      ],
    });

  test('another text that does the same is not a difference; another value is, with an example', () => {
    expect(load('--diff', profile(1, 'split'), profile(1, 'joined'))).toMatchObject({
      status: 0,
      stdout: '',
    });
    const found = load('--diff', profile(1, 'split'), profile(2, 'split'), '--arch', 'x86_64');
    expect(found.status).toBe(1);
    expect(found.stdout).toBe(
      'x86_64: allow -> errno EPERM\n    socket(1)\nx86_64: errno EPERM -> allow\n    socket(2)\n',
    );
    expect(load('--diff', 'default').stderr).toMatch(/--diff takes 2 profiles, not 1/);
  });
});

test('the help says what is done without CAP_SYS_ADMIN', () => {
  const { stdout } = load('--help');
  expect(stdout.replace(/\s+/g, ' ')).toContain(
    'Without the capability (after caps-drop --all, say) seccomp-load sets no_new_privs itself',
  );
});

describe('--explain and --dump', () => {
  test('the profile call by call with its reasons, and the program', () => {
    const explained = load('default', '--caps', 'none', '--arch', 'aarch64', '--explain').stdout;
    expect(explained).toMatch(
      /^aarch64\n(.*\n)* {2}allow: files by descriptor: nothing beyond what open gave\n {6}dup /,
    );
    expect(explained).toMatch(
      / {2}socket, by its arguments:\n {6}allow if args\[0\] < AF_DECnet .*\n {6}allow if args\[0\] is one of AF_NETBEUI (.*\n)*? {6}else errno EPERM\n/,
    );
    expect(explained).toMatch(/errno ENOSYS: all that is newer than \w+, so that programs fall back/);
    const dumped = load('default', '--caps', 'none', '--dump').stdout;
    expect(dumped).toMatch(/^ +0 {2}A = arch\n/);
    expect(dumped).toMatch(/# x86_64\n/);
    expect(load('default', '--dump', '--json').stdout).toMatch(/^\[\n/);
  });
});
