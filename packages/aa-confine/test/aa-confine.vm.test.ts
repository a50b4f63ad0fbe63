import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultSpec } from '@ctr-tools/oci';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isBefore, needs, skip, toolPath } from '../../../test/support.ts';

const tool = toolPath('aa-confine');
const ctrRun = toolPath('ctr-run');
const name = `ctr-test-${process.pid}`;

function run(...argv: string[]) {
  const { status, stdout, stderr } = spawnSync(tool, argv, { encoding: 'utf8', timeout: 60_000 });
  return { status, stdout, stderr };
}
const under = (...command: string[]) => run('--profile', name, '--', ...command);
const sh = (script: string) => under('sh', '-c', script);

const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trim() : '');
const enabled = read('/sys/module/apparmor/parameters/enabled') === 'Y';

describe('under our default profile', () => {
  let dir: string;
  beforeEach((context) => {
    if (!enabled) skip(context, 'AppArmor is not enabled in this kernel');
  });
  beforeAll(() => {
    if (!enabled) return;
    dir = mkdtempSync(join(tmpdir(), 'ctr-test-aa-'));
    expect(run('--load', '--name', name)).toEqual({ status: 0, stdout: '', stderr: '' });
  });
  afterAll(() => {
    if (!enabled) return;
    run(`--unload=${name}`);
    rmSync(dir, { recursive: true });
  });

  it('is listed, and shown by who is under it', () => {
    const list = JSON.parse(run('--list', '--json').stdout) as { name: string; mode: string }[];
    expect(list).toContainEqual({ name, mode: 'enforce', processes: [] });
    expect(under('cat', '/proc/self/attr/apparmor/current').stdout).toBe(`${name} (enforce)\n`);
    expect(under(tool, '--show').stdout).toContain(`apparmor  ${name} (enforce)`);
  });

  it('cannot be loaded twice, but replaced', () => {
    expect(run('--load', '--name', name)).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('--replace'),
    });
    expect(run('--replace', '--name', name)).toMatchObject({ status: 0, stderr: '' });
  });

  it('files are written as ever, kernel files are not', () => {
    expect(sh(`echo x > ${dir}/file && cat ${dir}/file`)).toMatchObject({ status: 0, stdout: 'x\n' });
    expect(sh('echo 0 > /proc/self/oom_score_adj').status).toBe(0);
    const before = read('/proc/sys/kernel/core_pattern');
    for (const path of [
      '/proc/sys/kernel/core_pattern',
      '/proc/sys/vm/swappiness',
      '/proc/sysrq-trigger',
      '/sys/kernel/uevent_helper',
    ]) {
      if (!existsSync(path)) continue;
      // The value is what is there already, so that nothing happens where the profile fails.
      const value = path.endsWith('trigger') ? '' : read(path);
      const { status, stderr } = sh(`printf %s '${value}' > ${path}`);
      expect([path, status, /Permission denied/.test(stderr)]).toEqual([path, 2, true]);
    }
    expect(read('/proc/sys/kernel/core_pattern')).toBe(before);
  });

  it('nothing is mounted', () => {
    expect(under('unshare', '-m', 'true').status).not.toBe(0);
    // Before Linux 6.7 AppArmor is not asked about move_mount(2), by which newer mount(8) mounts.
    const old = ['env', 'LIBMOUNT_FORCE_MOUNT2=always'];
    const ways = isBefore(6, 7) ? [old] : [old, []];
    for (const way of ways) {
      expect(under(...way, 'mount', '-t', 'tmpfs', 'x', dir).status).not.toBe(0);
      expect(under(...way, 'mount', '--bind', '/', dir).status).not.toBe(0);
    }
  });

  it('others are neither signalled nor traced', () => {
    const victim = spawnSync('sh', ['-c', 'sleep 600 >/dev/null 2>&1 & echo $!'], {
      encoding: 'utf8',
    }).stdout.trim();
    try {
      expect(under('kill', victim).status).not.toBe(0);
      expect(sh(`cat /proc/${victim}/environ`).status).not.toBe(0);
      process.kill(Number(victim), 0);
    } finally {
      process.kill(Number(victim), 'SIGKILL');
    }
    expect(sh('sleep 60 & kill $! && wait $! ; test $? = 143').status).toBe(0);
  });

  it('is kept with no_new_privs, and cannot be left', () => {
    const chain = ['setpriv', '--no-new-privs', 'cat', '/proc/self/attr/apparmor/current'];
    expect(under(...chain).stdout).toBe(`${name} (enforce)\n`);
    expect(under(tool, '--profile', 'unconfined', '--', 'true').status).toBe(125);
  });

  it('is written to the real procfs, whatever lies over it', () => {
    const trap = join(dir, 'trap');
    writeFileSync(trap, '');
    const lie = '/proc/$$/attr/apparmor/exec';
    const command = `exec ${tool} --profile ${name} -- cat /proc/self/attr/apparmor/current`;
    const line = `mount --bind ${trap} ${lie} && test $(stat -c %s ${lie}) = 0 && ${command}`;
    const ended = spawnSync('unshare', ['--mount', 'sh', '-c', line], { encoding: 'utf8' });
    expect([ended.stdout, ended.stderr]).toEqual([`${name} (enforce)\n`, '']);
    expect(readFileSync(trap, 'utf8')).toBe('');
  });

  it('a profile that is not loaded is said to be so before anything starts', () => {
    const { status, stderr } = run('--profile', 'ctr-test-gone', '--', 'touch', join(dir, 'started'));
    expect([status, stderr]).toEqual([125, expect.stringContaining('is not loaded')]);
    expect(existsSync(join(dir, 'started'))).toBe(false);
  });

  it('stacked on another, both hold', () => {
    const file = join(dir, 'profile');
    const other = `${name}-other`;
    writeFileSync(
      file,
      `profile ${other} flags=(attach_disconnected) { file, capability, network, signal, ptrace, umount, deny ${dir}/denied w, change_profile, }\n`,
    );
    expect(run(`--load=${file}`)).toMatchObject({ status: 0, stderr: '' });
    try {
      const stack = (script: string) =>
        run('--profile', other, '--', tool, '--stack', name, '--', 'sh', '-c', script);
      expect(stack('cat /proc/self/attr/apparmor/current').stdout).toContain('//&');
      expect(stack(`echo > ${dir}/denied`).status).toBe(2);
      expect(stack('echo 0 > /proc/sys/vm/swappiness').status).toBe(2);
      expect(stack(`echo > ${dir}/fine`).status).toBe(0);
    } finally {
      run(`--unload=${other}`);
    }
  });

  it('only complains where it was loaded so', () => {
    const trial = `${name}-trial`;
    expect(run('--load', '--name', trial, '--complain').status).toBe(0);
    try {
      const value = read('/proc/sys/vm/swappiness');
      const { status } = run(
        '--profile',
        trial,
        '--',
        'sh',
        '-c',
        `cat /proc/self/attr/apparmor/current && echo ${value} > /proc/sys/vm/swappiness`,
      );
      expect(status).toBe(0);
      expect(run('--profile', trial, '--', 'cat', '/proc/self/attr/apparmor/current').stdout).toBe(
        `${trial} (complain)\n`,
      );
    } finally {
      expect(run(`--unload=${trial}`)).toMatchObject({ status: 0, stderr: '' });
    }
  });

  it('is loaded into a namespace of its own and found there', () => {
    const namespace = `ctr-test-${process.pid}`;
    try {
      expect(run('--load', '--name', name, '--namespace', namespace)).toMatchObject({
        status: 0,
        stderr: '',
      });
      const list = JSON.parse(run('--list', '--json', '--namespace', namespace).stdout) as { name: string }[];
      expect(list.map((p) => p.name)).toEqual([expect.stringContaining(name)]);
      expect(run('--profile', `:${namespace}:${name}`, '--', 'true').status).toBe(0);
    } finally {
      run(`--unload=${name}`, '--namespace', namespace);
      rmdirSync(`/sys/kernel/security/apparmor/policy/namespaces/${namespace}`);
    }
  });

  describe('a container', () => {
    let bundle: string;
    /** A container that tells under which profile it is, mounts and writes where it must not. */
    const container = (runtime: string, profile: string) => {
      const spec = defaultSpec();
      spec.ociVersion = '1.0.2';
      spec.root = { path: join(bundle, 'rootfs'), readonly: false };
      delete spec.process!.rlimits;
      delete spec.linux!.resources;
      spec.process!.terminal = false;
      spec.process!.apparmorProfile = profile;
      spec.process!.args = [
        '/bin/busybox',
        'sh',
        '-c',
        'cat /proc/self/attr/current; echo 1 > /proc/sysrq-trigger; exit 3',
      ];
      spec.linux!.readonlyPaths = [];
      spec.linux!.maskedPaths = [];
      writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
      const id = `ctr-test-aa-${process.pid}`;
      const { status, stdout, stderr } = spawnSync(runtime, ['run', '--bundle', bundle, id], {
        encoding: 'utf8',
      });
      return { status, stdout, stderr };
    };
    beforeAll(() => {
      bundle = join(dir, 'bundle');
      for (const path of ['bin', 'proc', 'dev', 'sys'])
        mkdirSync(join(bundle, 'rootfs', path), { recursive: true });
      copyFileSync('/bin/busybox', join(bundle, 'rootfs/bin/busybox'));
      symlinkSync('busybox', join(bundle, 'rootfs/bin/cat'));
    });

    it('is under the profile that its spec names, as under runc', (context) => {
      needs(context, 'command:runc');
      const [ours, theirs] = [ctrRun, 'runc'].map((runtime) => container(runtime, name));
      expect(ours).toEqual({
        status: 3,
        stdout: `${name} (enforce)\n`,
        stderr: expect.stringMatching(/sysrq-trigger: Permission denied/),
      });
      expect(ours).toEqual(theirs);
    });

    it('is not made where the profile is not loaded', () => {
      expect(container(ctrRun, 'ctr-test-gone')).toMatchObject({
        status: 1,
        stdout: '',
        stderr: expect.stringContaining('AppArmor profile ctr-test-gone is not loaded'),
      });
      expect(existsSync(`/run/ctr-run/ctr-test-aa-${process.pid}`)).toBe(false);
    });

    it('has no SELinux label where SELinux is not enabled', (context) => {
      if (existsSync('/sys/fs/selinux/enforce')) skip(context, 'the kernel has SELinux');
      expect(run('--selinux', 'u:r:t:s0', '--', 'true')).toMatchObject({
        status: 125,
        stderr: expect.stringContaining('SELinux is not enabled in this kernel'),
      });
    });
  });

  it('needs root to be loaded', () => {
    const { status, stderr } = spawnSync(
      'setpriv',
      ['--reuid=65534', '--regid=65534', '--clear-groups', tool, '--load', '--name', `${name}-x`],
      { encoding: 'utf8' },
    );
    expect([status, stderr]).toEqual([125, expect.stringContaining('root')]);
  });
});
