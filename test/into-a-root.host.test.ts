/**
 * Chains into another root: a tool by its bare name is ours there too, though nothing of ours lies in that
 * root; and what it is told names files and users of that root.
 */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { busyboxRoot } from '../packages/ns-enter/test/support.ts';
import { bin, type Ended, needs, run, runShell, runTool, toolEnv, top } from './support.ts';
import { writeProgram } from './tiny-program.ts';

const status = 'grep -E "^(Cap|NoNewPrivs|Seccomp|Uid|Groups)" /proc/self/status';
/** A root with nothing of ours in it. */
function image(): string {
  const root = busyboxRoot();
  symlinkSync('busybox', join(root, 'bin/grep'));
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/passwd'), 'guest:x:4711:4712::/:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'guest:x:4712:\nplay:x:4713:other,guest\n');
  return root;
}

const env = toolEnv({ PATH: `/bin:${bin}` });
const into = (root: string, line: string, script = status): Ended =>
  runTool(
    'ns-enter',
    ['--new', 'mount,pid', `--root=${root}`, '--', ...line.split(' '), 'sh', '-c', script],
    {
      env,
    },
  );

const lines = [
  'caps-drop --docker --',
  'caps-drop --drop all --add chown --',
  'caps-drop --user guest --groups none --all --',
  'seccomp-load default --',
  'caps-drop --docker -- seccomp-load default --',
  'seccomp-load default -- caps-drop --all --',
  'ns-enter --new uts --hostname box -- caps-drop --docker -- seccomp-load default --',
];

test.for(lines)('by bare names as by files of ours that lie in the root: %s', (line, context) => {
  needs(context, 'root', 'command:busybox');
  const root = image();
  const byName = into(root, line);
  cpSync(bin, join(root, 'ours'), { recursive: true });
  const byFile = into(root, line.replaceAll(/(^|-- )(?=\w)/g, '$1/ours/'));
  expect(byName).toMatchObject({ status: 0, stderr: '' });
  expect(byName).toEqual(byFile);
});

test('capabilities, filter and user are those that the tools set on the host', (context) => {
  needs(context, 'root', 'command:busybox');
  const here = runTool('caps-drop', ['--docker', '--', 'seccomp-load', 'default', '--', 'sh', '-c', status]);
  expect(into(image(), 'caps-drop --docker -- seccomp-load default --').stdout).toBe(here.stdout);
  expect(here.stdout).toContain('CapEff:\t00000000a80425fb');
  expect(here.stdout).toMatch(/^Seccomp:\t2$/m);
});

test("users and files are the root's", (context) => {
  needs(context, 'root', 'command:busybox');
  const root = image();
  expect(into(root, 'caps-drop --user guest --groups init --', 'id').stdout).toBe(
    'uid=4711(guest) gid=4712(guest) groups=4712(guest),4713(play)\n',
  );
  expect(into(root, 'caps-drop --user daemon --', 'id').stderr).toBe(
    'caps-drop: --user daemon: no such user (/etc/passwd of this root)\n',
  );
  const profile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['sethostname'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 }],
  };
  writeFileSync(join(root, 'etc/profile.json'), JSON.stringify(profile));
  expect(into(root, 'seccomp-load /etc/profile.json --', 'hostname box').stderr).toMatch(/not supported/i);
});

test('a further change of root, and a joined mount namespace', (context) => {
  needs(context, 'root', 'command:busybox');
  const root = image();
  mkdirSync(join(root, 'srv/inner/proc'), { recursive: true });
  cpSync(join(root, 'bin'), join(root, 'srv/inner/bin'), { recursive: true, verbatimSymlinks: true });
  const twice = into(
    root,
    'ns-enter --new mount,pid --root=/srv/inner -- caps-drop --all --',
    `ls /; ${status}`,
  );
  expect(twice).toMatchObject({ status: 0, stderr: '' });
  expect(twice.stdout).toMatch(/^bin\nproc\n[\s\S]*CapEff:\t0000000000000000$/m);
  // The target's mount namespace, from whose root nothing of ours is seen.
  const joined = runShell(
    `ns-enter --new mount --root=${root} --mount-proc -- sh -c 'echo; exec sleep 1000' >${root}/ready & pid=$!
     while [ ! -s ${root}/ready ]; do sleep 0.05; done
     ns-enter --target $pid --mount --root -- caps-drop --all -- sh -c '${status}'; code=$?; kill $pid; exit $code`,
  );
  expect(joined).toMatchObject({ status: 0 });
  expect(joined.stdout).toContain('CapEff:\t0000000000000000');
});

test("the command has the caller's descriptors and no other", (context) => {
  needs(context, 'root', 'command:busybox');
  const root = image();
  const line = `ns-enter --new mount,pid --root=${root} -- caps-drop --all -- /bin/ls /proc/self/fd 7</etc/passwd 8</etc`;
  // 3 is the directory that ls(1) reads; 8 was one of the caller's, which leads out of the root.
  const listed = runShell(line).stdout.trim().split('\n').map(Number);
  expect(listed.filter((fd) => fd < 20)).toEqual([0, 1, 2, 3, 7]);
  const without = runShell(`/bin/ls /proc/self/fd 7</etc/passwd`).stdout.trim().split('\n').map(Number);
  expect(listed).toEqual(without);
});

describe('what an image says of itself is not believed', () => {
  const says = "the image's own program\n";
  test('a program under the name of ours, which a word with a slash does run', (context) => {
    needs(context, 'root', 'command:busybox');
    const root = image();
    writeProgram(join(root, 'bin/caps-drop'), says, 0);
    expect(into(root, '/bin/caps-drop --all --')).toMatchObject({ status: 0, stdout: says });
    const ours = into(root, 'caps-drop --all --');
    expect(ours.stdout).toContain('CapEff:\t0000000000000000');
    expect(ours.stdout).not.toContain(says);
  });

  test('a /proc of plain files', (context) => {
    needs(context, 'root', 'command:busybox');
    const root = image();
    mkdirSync(join(root, 'proc/self'));
    writeProgram(join(root, 'proc/program'), says, 0);
    symlinkSync('/proc/program', join(root, 'proc/self/exe'));
    cpSync(bin, join(root, 'ours'), { recursive: true });
    const enter = (tool: string) =>
      runTool('ns-enter', ['--new', 'mount', `--root=${root}`, '--', tool, '--all', '--', 'sh', '-c', 'id'], {
        env,
      });
    // A launcher that was executed by its path takes what stands there for its own file.
    expect(enter('/ours/caps-drop').stderr).toContain("this program's file cannot be used: it is not whole");
    const ours = enter('caps-drop');
    expect(ours).toMatchObject({ status: 125, stdout: '' });
    expect(ours.stderr).toBe(
      'caps-drop: there is no procfs at /proc in this root; ns-enter --mount-proc mounts one, and so does --new pid\n',
    );
  });
});

test('what stays beside a command runs from a copy that nobody can write', (context) => {
  needs(context, 'root', 'command:busybox');
  const before = readFileSync(join(bin, 'ns-enter'));
  const attack = 'readlink /proc/1/exe; echo x >/proc/1/exe';
  const { stdout, stderr } = into(image(), 'ns-enter --new pid --', attack);
  expect(stdout).toBe('/memfd:ctr-launcher (deleted)\n');
  expect(stderr).toMatch(/can't create \/proc\/1\/exe/);
  expect(readFileSync(join(bin, 'ns-enter')).equals(before)).toBe(true);
});

test('only tools that are installed are siblings there too', (context) => {
  needs(context, 'root', 'command:busybox');
  const root = image();
  const own = join(root, 'tmp/alone');
  mkdirSync(own);
  for (const name of ['ns-enter', 'caps-drop']) cpSync(join(bin, name), join(own, name));
  const call = (...command: string[]) =>
    run(join(own, 'ns-enter'), ['--new', 'mount,pid', `--root=${root}`, '--', ...command], {
      env: { PATH: '/bin' },
    });
  expect(call('caps-drop', '--all', '--', 'true')).toMatchObject({ status: 0, stderr: '' });
  const missing = ['seccomp-load', 'default', '--', 'true'];
  for (const words of [missing, ['caps-drop', '--all', '--', ...missing]])
    expect(call(...words)).toMatchObject({ status: 127, stdout: '' });
});

test('what needs a file beside the launcher says so', (context) => {
  needs(context, 'root', 'command:busybox');
  const show = runTool('ns-enter', ['--new', 'mount,pid', `--root=${image()}`, '--', 'ns-enter', '--show'], {
    env,
  });
  expect(show.status).toBe(125);
  expect(show.stderr).toContain('call it before the root is changed');
});

test("README's order works", (context) => {
  needs(context, 'root', 'command:busybox');
  const line = readFileSync(join(top, 'README.md'), 'utf8')
    .split('\n')
    .find((each) => each.includes('--root="$root" -- caps-drop'));
  expect(line).toBeDefined();
  const root = image();
  const chain = line!.slice(line!.indexOf('&&') + 2, line!.lastIndexOf(';'));
  const said = runShell(`root=${root}; ${chain} -c '${status}; echo $$'`, { env: toolEnv() });
  expect(said).toMatchObject({ status: 0, stderr: '' });
  expect(said.stdout).toMatch(/CapEff:\t00000000a80425fb[\s\S]*Seccomp:\t2[\s\S]*\n1\n$/);
});
