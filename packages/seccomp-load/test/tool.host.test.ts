import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needs, run, runShell, runTool, toolPath, until } from '../../../test/support.ts';
import { documents, load } from './running.ts';

const { dir, file } = documents();
/** A thread that starts and does something, by what Python has built in: each file more that it reads is calls to be watched. */
const thread =
  'import _thread; l = _thread.allocate_lock(); l.acquire(); _thread.start_new_thread(l.release, ()); l.acquire()';
/** Debian's own, for a version manager's shim is a script; without the site module, which asks NSS where home is. */
const python = (code: string): string[] => ['/usr/bin/python3', '-IS', '-c', code];

describe('loading', () => {
  test('the command runs under as many filters as were named, with its own exit code', () => {
    const seen = 'grep Seccomp /proc/self/status; exit 7';
    const under = (...profiles: string[]) => {
      const { status, stdout } = load(...profiles, '--', 'sh', '-c', seen);
      return [status, ...stdout.replaceAll('\t', '').trim().split('\n')];
    };
    expect(under('default')).toEqual([7, 'Seccomp:2', 'Seccomp_filters:1']);
    expect(under('default', 'default')).toEqual([7, 'Seccomp:2', 'Seccomp_filters:2']);
    expect(under('none')).toEqual([7, 'Seccomp:0', 'Seccomp_filters:0']);
  });

  test('no_new_privs is set where there is no CAP_SYS_ADMIN, and left alone where there is', () => {
    expect(load('default', '--', 'grep', 'NoNewPrivs', '/proc/self/status').stdout).toBe('NoNewPrivs:\t0\n');
    const without = runShell('caps-drop --all -- seccomp-load default -- grep NoNewPrivs /proc/self/status');
    expect(without.stdout).toBe('NoNewPrivs:\t1\n');
    const nobody = runTool('seccomp-load', ['default', '--', 'grep', 'NoNewPrivs', '/proc/self/status'], {
      uid: 65534,
      gid: 65534,
    });
    expect(nobody.stdout).toBe('NoNewPrivs:\t1\n');
  });

  test('the default profile, run into', () => {
    const tried = `
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, nr, *args):
    ctypes.set_errno(0)
    r = libc.syscall(nr, *args)
    print(name, errno.errorcode.get(ctypes.get_errno(), 'ok') if r < 0 else 'ok')
call('mount', 165, 0, 0, 0, 0, 0)
call('unshare', 272, 0x10000000)
call('keyctl', 250, 0, 0)
call('add_key', 248, 0, 0, 0, 0, 0)
call('bpf', 321, 0, 0, 0)
call('userfaultfd', 323, 0)
call('io_uring_setup', 425, 1, 0)
call('perf_event_open', 298, 0, 0, 0, 0, 0)
call('clone3', 435, 0, 0)
call('fsopen', 430, 0, 0)
call('newer', 600)
call('vsock', 41, 40, 1, 0)
call('alg', 41, 38, 5, 0)
call('unix', 41, 1, 1, 0)
call('personality', 135, 0x40000)
call('asking', 135, ctypes.c_ulong(0xffffffff))
`;
    const done = runTool('caps-drop', ['--all', '--', 'seccomp-load', 'default', '--', ...python(tried)]);
    expect(done.stdout.trim().split('\n')).toEqual([
      'mount EPERM',
      'unshare EPERM',
      'keyctl EPERM',
      'add_key EPERM',
      'bpf EPERM',
      'userfaultfd EPERM',
      'io_uring_setup EPERM',
      'perf_event_open EPERM',
      'clone3 ENOSYS',
      'fsopen EPERM',
      'newer ENOSYS',
      'vsock EPERM',
      'alg EPERM',
      'unix ok',
      'personality EPERM',
      'asking ok',
    ]); // prettier-ignore
  });

  test('threads still start: the C library takes clone for clone3', () => {
    const done = load('default', '--caps', 'none', '--', ...python(`${thread}; print("ran")`));
    expect(done.stdout).toBe('ran\n');
  });
});

describe('compiled filters', () => {
  test('are loaded, several of them, and by bwrap', (context) => {
    const path = join(dir, 'filter.bpf');
    expect(load('default', '--raw', path).status).toBe(0);
    expect(load('--raw', path, '--raw', path, '--', 'grep', 'filters', '/proc/self/status').stdout).toContain(
      '2',
    );
    needs(context, 'command:bwrap');
    const line = `bwrap --ro-bind / / --seccomp 9 grep filters /proc/self/status 9< ${path}`;
    expect(runShell(line).stdout).toContain('1');
  });
});

describe('watching', () => {
  test('--learn writes a profile that the command works under, and nothing else', () => {
    const out = join(dir, 'learned.json');
    const command = ['sh', '-c', 'ls / > /dev/null; echo done'];
    expect(load('--learn', out, '--', ...command)).toMatchObject({ status: 0, stdout: 'done\n' });
    const learned = JSON.parse(readFileSync(out, 'utf8'));
    expect(learned.defaultAction).toBe('SCMP_ACT_ERRNO');
    expect(learned.architectures).toEqual(['SCMP_ARCH_X86_64']);
    const names = learned.syscalls.flatMap((r: { names: string[] }) => r.names);
    expect(names).toContain('execve');
    expect(names).not.toContain('socket');
    expect(names).not.toContain('sendmsg');
    expect(load(out, '--', ...command)).toMatchObject({ status: 0, stdout: 'done\n' });
    expect(load(out, '--', 'mkdir', join(dir, 'made')).status).not.toBe(0);
    expect(existsSync(join(dir, 'made'))).toBe(false);
  });

  test('--learn keeps the arguments that tell what a call is for', () => {
    const code = `import _socket; _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM); ${thread}`;
    const done = load('--learn', '-', '--', ...python(code));
    const learned = JSON.parse(done.stdout);
    const rules = (name: string) => learned.syscalls.filter((r: { names: string[] }) => r.names[0] === name);
    expect(rules('socket')).toHaveLength(1);
    expect(rules('socket')[0].args.map((a: { valueTwo: number }) => a.valueTwo)).toEqual([2, 2, 0]);
    expect(rules('clone')[0].args[0]).toMatchObject({ value: 0x7e020000, valueTwo: 0 });
    expect(rules('clone3')[0]).toMatchObject({ action: 'SCMP_ACT_ERRNO', errnoRet: 38 });
    const path = file('python.json', learned);
    expect(load(path, '--', ...python(code)).status).toBe(0);
    const other = load(
      path,
      '--',
      ...python(
        'import os, _socket\ntry: _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)\nexcept PermissionError: os._exit(9)',
      ),
    );
    // Nothing was written while it learned, so an exit code has to tell it.
    expect(other.status).toBe(9);
  });

  test('--notify logs and answers, and the exit code is the command’s', () => {
    const rules = file('rules.json', {
      calls: [
        { names: ['mkdir'], answer: { errno: 'EROFS' } },
        { names: ['rmdir'], answer: { return: 0 } },
        { names: ['sendmsg', 'write'], args: [{ index: 0, value: 77, op: 'SCMP_CMP_EQ' }] },
      ],
    });
    const done = load('--notify', rules, '--', 'sh', '-c', `rmdir ${dir} && mkdir ${dir}/x; exit 3`);
    expect(done.status).toBe(3);
    expect(done.stderr).toContain(`rmdir("${dir}", `);
    expect(done.stderr).toMatch(/mkdir\("[^"]*\/x", 511, \S+\) = EROFS/);
    expect(done.stderr).toContain('Read-only file system');
    expect(existsSync(dir)).toBe(true);
  });

  test('even sendmsg can be asked about: the listener is handed over without it', () => {
    const rules = file('all.json', {
      log: false,
      others: 'continue',
      calls: [{ names: ['uname'], answer: { errno: 'EIO' } }],
    });
    expect(
      load(
        '--notify',
        rules,
        '--',
        ...python('import os\ntry: os.uname()\nexcept OSError as e: print(e.errno)'),
      ).stdout,
    ).toBe('5\n');
  });

  test('nothing is left over, also after a failure', () => {
    const rules = file('few.json', { calls: [{ names: ['mkdir'] }] });
    const left = () => readdirSync('/tmp').filter((name) => /^seccomp-load-\w{6}$/.test(name));
    const before = left();
    expect(load('--notify', rules, '--', 'no-such-command').status).toBe(127);
    expect(load('--learn', '/no/such/dir/x', '--', 'true').stderr).toMatch(
      /write the learned profile to \/no\/such\/dir\/x/,
    );
    expect(left()).toEqual(before);
  });
});

describe('a listener for a runtime', () => {
  test('an agent on a socket serves what is sent there, with the container process state', async () => {
    const rules = file('agent.json', { calls: [{ names: ['mkdir'], answer: { errno: 'EDQUOT' } }] });
    const socket = join(dir, 'agent.sock');
    const agent = spawn(toolPath('seccomp-load'), ['--notify', rules, '--socket', socket], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      await until('the agent listens', () => existsSync(socket));
      const profile = file('listens.json', {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
      });
      const one = run(toolPath('seccomp-load'), [
        profile,
        '--listener',
        socket,
        '--',
        'mkdir',
        join(dir, 'no'),
      ]);
      expect(one.stderr).toContain('Disk quota exceeded');
      expect(one.status).toBe(1);
    } finally {
      agent.kill('SIGKILL');
      await new Promise((done) => agent.once('exit', done));
    }
    expect(
      load(
        file('l2.json', {
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
        }),
        '--listener',
        socket,
        '--',
        'true',
      ),
    ).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('nobody listens there'),
    });
  });
});

describe('--show', () => {
  test('reads the very filter that was loaded', async () => {
    const child = spawn(toolPath('seccomp-load'), ['default', '--', 'sleep', '600'], { stdio: 'ignore' });
    try {
      const comm = `/proc/${child.pid}/comm`;
      await until('the command runs', () => readFileSync(comm, 'latin1') === 'sleep\n');
      const shown = JSON.parse(load(`--show=${child.pid}`, '--json').stdout);
      expect(shown).toMatchObject({ name: 'sleep', mode: 'filter', filters: 1, noNewPrivs: false });
      expect(shown.programs).toHaveLength(1);
      expect(shown.programs[0]).toEqual(JSON.parse(load('default', '--dump', '--json').stdout));
      expect(load(`--show=${child.pid}`).stdout).toMatch(
        /filter 1 of 1, \d+ instructions\n +0 {2}A = arch\n/,
      );
      const nobody = runTool('seccomp-load', [`--show=${child.pid}`], { uid: 65534, gid: 65534 });
      expect(nobody.stdout).toMatch(/takes CAP_SYS_ADMIN/);
    } finally {
      child.kill('SIGKILL');
      await new Promise((done) => child.once('exit', done));
    }
    expect(load('--show=999999999').status).toBe(125);
    expect(load('--show').stdout).toMatch(/mode +disabled/);
  });
});
