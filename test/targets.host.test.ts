/** Containers of ours and of podman's as targets of every tool. Docker's are in ctr-run's tests of that engine. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { imageArchive, imageName, tooSlow } from '../packages/ctr-run/test/engines/engine.ts';
import { busyboxRoot } from '../packages/ns-enter/test/support.ts';
import { type Ended, needs, run, runShell, runTool, skip, tempDir, toolEnv, until } from './support.ts';
import { expectTarget } from './targets.ts';

test('a container of ours, by its ID, and forced by id: where it looks like something else', (context) => {
  needs(context, 'root', 'command:busybox');
  const root = tempDir('targets');
  const env = toolEnv({ CTR_STATE_ROOT: join(root, 'state') });
  const bundle = join(root, 'bundle');
  mkdirSync(bundle);
  const spec = runTool('ctr-run', ['spec', '--rootfs', busyboxRoot(), '--', 'sleep', '1000'], { env });
  writeFileSync(join(bundle, 'config.json'), spec.stdout);
  const ctr = (...args: string[]): Ended => runTool('ctr-run', args, { env });
  for (const id of [`web-${process.pid}`, '4711']) {
    // What it inherits of ours would keep us waiting for its end.
    const detached = `ctr-run run --detach --bundle ${bundle} ${id} >/dev/null 2>&1`;
    expect(runShell(detached, { env }).status).toBe(0);
    try {
      const { pid } = JSON.parse(ctr('state', id).stdout) as { pid: number };
      expectTarget(id === '4711' ? 'id:4711' : id, pid, { env });
    } finally {
      expect(ctr('delete', '--force', id).status).toBe(0);
    }
  }
  for (const [tool, ...words] of [
    ['caps-drop', '--show=web'],
    ['seccomp-load', '--show=web'],
    ['aa-confine', '--show=web'],
    ['ns-enter', '--show', 'web'],
  ]) {
    const gone = runTool(tool!, words, { env });
    expect(gone).toMatchObject({ status: 125, stdout: '' });
    expect(gone.stderr).toContain(`no container of that ID in ${root}/state`);
    expect(gone.stderr).toContain('docker:NAME or podman:NAME');
  }
});

describe('podman', () => {
  test('by name, by ID, and by how an ID begins', async (context) => {
    needs(context, 'root', 'command:podman', 'command:runc');
    if (tooSlow) skip(context, tooSlow);
    const store = tempDir('targets-podman');
    const conf = join(store, 'storage.conf');
    writeFileSync(
      conf,
      `[storage]\ndriver = "vfs"\ngraphroot = "${store}/graph"\nrunroot = "${store}/run"\n`,
    );
    const env = toolEnv({ CONTAINERS_STORAGE_CONF: conf });
    const podman = (...args: string[]): Ended =>
      run(
        'podman',
        ['--tmpdir', `${store}/tmp`, '--cgroup-manager', 'cgroupfs', '--runtime', 'runc', ...args],
        { env, timeout: 60_000 },
      );
    expect(podman('load', '--input', imageArchive()).stderr).not.toContain('Error');
    const parent = `/ctr-test-targets-${process.pid}`;
    const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];
    const make = ['--network', 'none', '--cgroup-parent', parent, ...limits];
    const names = ['ctr-test-one', 'ctr-test-two'];
    try {
      for (const [i, name] of names.entries()) {
        const rm = i === 1 ? ['--rm'] : [];
        const made = podman('run', '--detach', '--name', name, ...rm, ...make, imageName, 'sleep', '1000');
        expect(made).toMatchObject({ status: 0 });
        const id = made.stdout.trim();
        const pid = Number(podman('inspect', '--format', '{{.State.Pid}}', name).stdout);
        expectTarget(`podman:${name}`, pid, { env });
        for (const word of [id, id.slice(0, 12)]) {
          const shown = runTool('aa-confine', [`--show=podman:${word}`, '--json'], { env });
          expect(JSON.parse(shown.stdout)).toMatchObject({ pid });
        }
      }
      const none = runTool('caps-drop', ['--show=podman:other'], { env });
      expect(none).toMatchObject({ status: 125 });
      expect(none.stderr).toMatch(
        /podman:other: there is no such container; there are ctr-test-one, ctr-test-two\n$/,
      );
      expect(podman('stop', '--time', '0', names[0]!).status).toBe(0);
      const stopped = runTool('caps-drop', [`--show=podman:${names[0]}`], { env });
      expect(stopped).toMatchObject({ status: 125 });
      expect(stopped.stderr).toMatch(/the container does not run|is in no group of that container/);
      // A PID that the files of a container which is gone name, and which is another process by now.
      const id = podman('inspect', '--format', '{{.Id}}', names[0]!).stdout.trim();
      const file = join(store, 'run/vfs-containers', id, 'userdata/pidfile');
      mkdirSync(join(file, '..'), { recursive: true });
      writeFileSync(file, String(process.pid));
      const another = runTool('caps-drop', [`--show=podman:${names[0]}`], { env });
      expect(another).toMatchObject({ status: 125, stdout: '' });
      expect(another.stderr).toContain('is in no group of that container');
      rmSync(file);
    } finally {
      podman('rm', '--all', '--force', '--time', '0');
      await until('nobody is in the groups', () => {
        run('sh', [
          '-c',
          `find /sys/fs/cgroup -depth -path '*${parent}*' -type d -exec rmdir {} + 2>/dev/null`,
        ]);
        return run('sh', ['-c', `find /sys/fs/cgroup -path '*${parent}*' -type d`]).stdout === '';
      });
      podman('rmi', '--all', '--force');
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(store);
    }
  }, 120_000);
});
