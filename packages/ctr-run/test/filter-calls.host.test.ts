/**
 * A container's filter holds the container and not us: once it is loaded, no call of the launcher's
 * decides whether the command runs. Where a call that is refused keeps ours from starting, crun's
 * does not start either.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { LinuxSeccomp, Spec } from '@ctr-tools/oci';
import { beforeAll, describe, expect, test } from 'vitest';
import { aarch64 } from '../../../packages/seccomp-load/src/tables/aarch64.ts';
import { x86_64 } from '../../../packages/seccomp-load/src/tables/x86_64.ts';
import {
  type Ended,
  isRoot,
  needs,
  run,
  runTool,
  skip,
  slower,
  start,
  tempDir,
  toolPath,
  until,
} from '../../../test/support.ts';
import { writeProgram } from '../../../test/tiny-program.ts';
import { makeBundle, searchable, testId } from './bundles.ts';

/** All calls of this machine. */
const calls = (process.arch === 'arm64' ? aarch64 : x86_64)
  .split(' ')
  .map((word) => word.replace(/=\d+/, ''))
  .filter((name) => name !== '');
/** What the command itself needs, and with it the container. */
const own = ['execve', 'write', 'exit_group'];
let bundle = '';
let base: Spec;

beforeAll(() => {
  if (!isRoot) return;
  bundle = makeBundle(['/bin/program']);
  writeProgram(`${bundle}/rootfs/bin/program`, 'runs', 7);
  base = JSON.parse(readFileSync(`${bundle}/config.json`, 'utf8')) as Spec;
  base.root = { ...base.root!, path: `${bundle}/rootfs` };
});

let made = 0;
/** A bundle with the same root and this filter. */
function filtered(
  seccomp: LinuxSeccomp,
  noNewPrivileges: boolean,
  change: (spec: Spec) => void = () => {},
): string {
  const directory = `${bundle}/${++made}`;
  mkdirSync(directory);
  const spec = structuredClone(base);
  spec.process!.noNewPrivileges = noNewPrivileges;
  spec.linux!.seccomp = seccomp;
  change(spec);
  writeFileSync(`${directory}/config.json`, JSON.stringify(spec));
  return directory;
}

const without = (name: string, action: 'SCMP_ACT_ERRNO' | 'SCMP_ACT_KILL_PROCESS'): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: [name], action, ...(action === 'SCMP_ACT_ERRNO' && { errnoRet: 1 }) }],
});

const runOurs = (directory: string): Ended => runTool('ctr-run', ['run', '--bundle', directory, testId()]);
const started = ({ stdout, status }: Ended): boolean => stdout === 'runs' && status === 7;

/** crun refuses hybrid hierarchies unless the v2 one is out of its sight. */
const runCrun = (directory: string): Ended =>
  run('unshare', [
    '--mount',
    'sh',
    '-c',
    'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun run --bundle "$1" "$2"',
    'sh',
    directory,
    testId(),
  ]);

describe.each([
  ['with no_new_privs', true],
  ['without no_new_privs', false],
] as const)('%s', (_, noNewPrivileges) => {
  test.for(['SCMP_ACT_ERRNO', 'SCMP_ACT_KILL_PROCESS'] as const)(
    'nothing but the command needs a call: %s for all others',
    (action, context) => {
      needs(context, 'root');
      // It gives CAP_SYS_ADMIN up, which loading took; that may be refused, but not be a reason to be killed.
      const more = !noNewPrivileges && action === 'SCMP_ACT_KILL_PROCESS' ? ['capset'] : [];
      const seccomp: LinuxSeccomp = {
        defaultAction: action,
        syscalls: [{ names: [...own, ...more], action: 'SCMP_ACT_ALLOW' }],
      };
      expect(runOurs(filtered(seccomp, noNewPrivileges))).toMatchObject({
        stdout: 'runs',
        stderr: '',
        status: 7,
      });
    },
  );

  test('each call that alone is refused: where ours does not start, nor does crun’s', (context) => {
    needs(context, 'root', 'command:crun');
    if (slower > 1) skip(context, 'an emulated machine has no time for it, and the host has run it');
    const failing = calls.filter(
      (name) => !started(runOurs(filtered(without(name, 'SCMP_ACT_ERRNO'), noNewPrivileges))),
    );
    expect(failing.toSorted()).toEqual(['execve', 'exit_group', 'write']);
    expect(started(runCrun(filtered(without('execve', 'SCMP_ACT_ERRNO'), noNewPrivileges)))).toBe(false);
  }, 600_000);

  test.for([
    'faccessat2',
    'sendmsg',
    'recvmsg',
    'recvfrom',
    'fstat',
    'close',
    'close_range',
    'munmap',
    'brk',
    'prctl',
    'setresuid',
    'getcwd',
    'openat',
  ])('killed for %s alone, it is not', (name, context) => {
    needs(context, 'root');
    expect(runOurs(filtered(without(name, 'SCMP_ACT_KILL_PROCESS'), noNewPrivileges))).toMatchObject({
      stdout: 'runs',
      status: 7,
    });
  });

  test('create, start and exec do not depend on other calls either', (context) => {
    needs(context, 'root');
    const seccomp: LinuxSeccomp = {
      defaultAction: 'SCMP_ACT_ERRNO',
      // A process that waits for `start` without no_new_privs has its filter already, and reads one byte.
      syscalls: [{ names: [...own, ...(noNewPrivileges ? [] : ['read'])], action: 'SCMP_ACT_ALLOW' }],
    };
    const directory = filtered(seccomp, noNewPrivileges);
    const out = `${tempDir('out')}/out`;
    const id = testId();
    const words = `R=${toolPath('ctr-run')}
      $R create --bundle ${directory} ${id} >${out} 2>&1 </dev/null && $R exec ${id} /bin/program; echo " $?"
      $R start ${id}; s=$?; sleep 0.1; $R delete --force ${id}; exit $s`;
    expect(run('/bin/sh', ['-c', words])).toMatchObject({ stdout: 'runs 7\n', stderr: '', status: 0 });
    expect(readFileSync(out, 'utf8')).toBe('runs');
  });

  test('the words name the filter where it refuses execve, and nothing is left', (context) => {
    needs(context, 'root');
    const words =
      'ctr-run: exec: "/bin/program": the seccomp filter does not allow execve: Operation not permitted\n';
    const alone = runOurs(filtered(without('execve', 'SCMP_ACT_ERRNO'), noNewPrivileges));
    expect(alone).toMatchObject({ stdout: '', stderr: words, status: 1 });
    // A profile that leaves no way to run anything is refused before.
    const all = runOurs(filtered({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] }, noNewPrivileges));
    expect(all).toMatchObject({ stdout: '', status: 1 });
    expect(all.stderr).toMatch(/^ctr-run: the seccomp filter .*execve.*\n$/);
  });

  test('the command has the capabilities of its config and no more, as any user', (context) => {
    needs(context, 'root');
    for (const uid of [0, 1000]) {
      const allow: LinuxSeccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] };
      const asked = (seccomp: boolean): string => {
        const directory = filtered(allow, noNewPrivileges, (spec) => {
          spec.process!.args = ['/bin/grep', '^Cap', '/proc/self/status'];
          spec.process!.user = { uid, gid: uid };
          if (!seccomp) delete spec.linux!.seccomp;
        });
        return runOurs(directory).stdout;
      };
      expect(asked(true)).toMatch(/^CapInh/);
      expect(asked(true)).toBe(asked(false));
    }
  });
});

test('a container that waits for start does not wait with the capability that loading its filter took', (context) => {
  needs(context, 'root');
  const allow: LinuxSeccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] };
  const id = testId();
  const words = `${toolPath('ctr-run')} create --bundle ${filtered(allow, false)} ${id} </dev/null >/dev/null 2>&1`;
  expect(run('/bin/sh', ['-c', words]).status).toBe(0);
  const { pid } = JSON.parse(runTool('ctr-run', ['state', id]).stdout) as { pid: number };
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  runTool('ctr-run', ['delete', '--force', id]);
  // kill, net_bind_service, audit_write
  expect(status).toMatch(/^CapPrm:\t0000000020000420$/m);
  expect(status).toMatch(/^CapEff:\t0000000020000420$/m);
  expect(status).toMatch(/^Seccomp:\t2$/m);
});

test.for([true, false])(
  'in a user namespace, as one of its users, with no_new_privs %s',
  (noNewPrivileges, context) => {
    needs(context, 'root');
    searchable(bundle);
    const seccomp: LinuxSeccomp = {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: own, action: 'SCMP_ACT_ALLOW' }],
    };
    const directory = filtered(seccomp, noNewPrivileges, (spec) => {
      spec.process!.user = { uid: 5, gid: 5 };
      spec.linux!.namespaces!.push({ type: 'user' });
      spec.linux!.uidMappings = [{ containerID: 0, hostID: 100000, size: 10 }];
      spec.linux!.gidMappings = [{ containerID: 0, hostID: 100000, size: 10 }];
    });
    expect(runOurs(directory)).toMatchObject({ stdout: 'runs', stderr: '', status: 7 });
  },
);

test('an agent is asked about no call but the command’s', async (context) => {
  needs(context, 'root', 'command:python3');
  const socket = `${tempDir('agent')}/s`;
  // It takes the listener and answers nothing: who makes a call that it is asked about waits for ever.
  const lines = [
    'import array, socket, sys',
    's = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); print("listening", flush=True)',
    'a, _ = s.accept(); m, anc, _, _ = a.recvmsg(65536, socket.CMSG_SPACE(4)); print(len(anc), flush=True)',
    'sys.stdin.read()',
  ];
  const agent = start('python3', ['-c', lines.join('\n'), socket]);
  await until('the agent listens', () => agent.output().stdout.includes('listening'));
  const asked = calls.filter((name) => !own.includes(name));
  const seccomp: LinuxSeccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    listenerPath: socket,
    syscalls: [{ names: asked, action: 'SCMP_ACT_NOTIFY' }],
  };
  const ended = run(toolPath('ctr-run'), ['run', '--bundle', filtered(seccomp, true), testId()], {
    timeout: 10_000,
  });
  expect(ended).toMatchObject({ stdout: 'runs', stderr: '', status: 7 });
  await until('the agent has the listener', () => agent.output().stdout.endsWith('\n1\n'));
  agent.child.stdin!.end();
});
