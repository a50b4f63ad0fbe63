/**
 * SELinux for real: a machine that was booted with `security=selinux selinux=1`, as test-vm's boot
 * `selinux` is, and has no policy of its own gets the few lines of one here.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultSpec } from '@ctr-tools/oci';
import { beforeEach, describe, expect, test } from 'vitest';
import { lacking, needs, skip, tempDir, toolPath } from '../../../test/support.ts';

const tool = toolPath('aa-confine');

/** Initial SIDs of Linux 6.12 (security/selinux/include/initial_sid_to_string.h), all with one label. */
const sids = `kernel security unlabeled fs file file_labels init any_socket port netif netmsg node igmp_packet
  icmp_socket tcp_socket sysctl_modprobe sysctl sysctl_fs sysctl_kernel sysctl_net sysctl_net_unix sysctl_vm
  sysctl_dev kmod policy scmp_packet devnull`.split(/\s+/);

/** A policy that knows a few labels and forbids nothing, in CIL. */
const policy = [
  '(handleunknown allow)(mls true)(sensitivity s0)(sensitivityorder (s0))',
  '(category c0)(category c1)(categoryorder (c0 c1))(sensitivitycategory s0 (range c0 c1))',
  '(level low (s0))(level high (s0 (range c0 c1)))',
  '(class process (transition dyntransition fork setexec setcurrent))(classorder (process))',
  '(user u)(role r)(role object_r)(type base_t)(type box_t)(type cont_t)',
  '(roletype r base_t)(roletype r box_t)(roletype object_r base_t)(roletype object_r cont_t)',
  '(userrole u r)(userrole u object_r)(userlevel u low)(userrange u (low high))',
  ...['base_t', 'box_t'].map((t) => `(allow ${t} self (process (all)))`),
  '(allow base_t box_t (process (all)))(allow box_t base_t (process (all)))',
  ...sids.map((sid) => `(sid ${sid})(sidcontext ${sid} (u r base_t (low low)))`),
  `(sidorder (${sids.join(' ')}))`,
  '(fsuse xattr ext4 (u object_r base_t (low low)))',
  ...['tmpfs', 'devtmpfs'].map((fs) => `(fsuse trans ${fs} (u object_r base_t (low low)))`),
  ...['proc', 'sysfs', 'cgroup2', 'devpts'].map((fs) => `(genfscon ${fs} "/" (u object_r base_t (low low)))`),
].join('\n');

/** Why this machine cannot be asked, or undefined. */
function missing(): string | undefined {
  const lacks = lacking('root', 'selinux', 'command:secilc', 'file:/bin/busybox');
  if (lacks) return lacks;
  const label = readFileSync('/proc/self/attr/current', 'utf8').replace(/\0/g, '');
  return label === 'kernel' || label.startsWith('u:r:base_t')
    ? undefined
    : 'the machine has a policy of its own, which is left alone';
}

function run(file: string, ...argv: string[]) {
  const { status, stdout, stderr } = spawnSync(file, argv, { encoding: 'utf8' });
  return { status, stdout: stdout.replaceAll('\0', ''), stderr };
}

const reason = missing();

describe('under SELinux', () => {
  beforeEach((context) => {
    if (reason) skip(context, reason);
  });
  const dir = reason ? '' : tempDir('selinux');
  const [cil, binary] = [join(dir, 'policy.cil'), join(dir, 'policy')];
  if (!reason) {
    writeFileSync(cil, policy);
    execFileSync('secilc', ['-M', '1', '-c', '31', '-o', binary, '-f', '/dev/null', cil]);
    // The kernel takes a policy in one write.
    writeFileSync('/sys/fs/selinux/load', readFileSync(binary));
  }

  test('a command has the label from its exec on, and is shown with it', () => {
    expect(run(tool, '--selinux', 'u:r:box_t:s0:c1', '--', 'cat', '/proc/self/attr/current')).toEqual({
      status: 0,
      stdout: 'u:r:box_t:s0:c1',
      stderr: '',
    });
    expect(run(tool, '--selinux', 'u:r:box_t:s0', '--', tool, '--show').stdout).toContain(
      'selinux   u:r:box_t:s0\n',
    );
  });

  test('a label that the policy does not know is an error', () => {
    expect(run(tool, '--selinux', 'u:r:nosuch_t:s0', '--', 'true')).toEqual({
      status: 125,
      stdout: '',
      stderr:
        'aa-confine: run under the SELinux label u:r:nosuch_t:s0: Invalid argument; the policy knows no such label\n',
    });
  });

  test.for(['ctr-run', 'runc', 'crun'])(
    'a container and its mounts have their labels under %s',
    (runtime, context) => {
      const file = runtime === 'ctr-run' ? toolPath('ctr-run') : runtime;
      if (runtime !== 'ctr-run') needs(context, `command:${runtime}`);
      const bundle = join(dir, runtime);
      for (const path of ['bin', 'proc', 'dev', 'sys'])
        mkdirSync(join(bundle, 'rootfs', path), { recursive: true });
      copyFileSync('/bin/busybox', join(bundle, 'rootfs/bin/busybox'));
      for (const name of ['cat', 'grep']) symlinkSync('busybox', join(bundle, 'rootfs/bin', name));
      const spec = defaultSpec();
      spec.ociVersion = '1.0.2';
      spec.process!.terminal = false;
      // A transition under no_new_privs takes a permission of its own.
      spec.process!.noNewPrivileges = false;
      delete spec.process!.rlimits;
      delete spec.linux!.resources;
      spec.mounts = spec.mounts!.filter(({ type }) => type !== 'mqueue' && type !== 'cgroup');
      spec.process!.selinuxLabel = 'u:r:box_t:s0:c1';
      spec.linux!.maskedPaths = ['/proc/tty'];
      spec.linux!.mountLabel = 'u:object_r:cont_t:s0:c1';
      const script =
        'cat /proc/self/attr/current; echo; grep -E " (/dev(/pts|/shm)?|/proc/tty) " /proc/mounts; exit 3';
      spec.process!.args = ['/bin/busybox', 'sh', '-c', script];
      writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
      const { status, stdout, stderr } = run(
        file,
        'run',
        '--bundle',
        bundle,
        `ctr-test-selinux-${process.pid}`,
      );
      expect([status, stderr]).toEqual([3, '']);
      const [label, ...mounts] = stdout.trim().split('\n');
      expect(label).toBe('u:r:box_t:s0:c1');
      expect(mounts.map((line) => line.split(' ')[1])).toEqual(['/dev', '/dev/pts', '/dev/shm', '/proc/tty']);
      for (const line of mounts) expect(line).toContain('context=u:object_r:cont_t:s0:c1');
    },
  );
});
