/** A whole Debian as a bundle: the same under runc and under ctr-run, whoever wrote the config.json. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { type Ended, lacking, needs, run, runTool, skip, tempDir } from '../../../test/support.ts';
import { type Maker, specBy, testId } from './bundles.ts';
import { debianTree, type Tree } from './debian.ts';

const reason = lacking('root', 'command:mmdebstrap');
let tree: Tree = { missing: reason ?? '' };
/** A writable view of the tree, shared by the bundles of both runtimes. */
let rootfs = '';

beforeAll(() => {
  if (reason !== undefined) return;
  tree = debianTree();
  if ('missing' in tree) return;
  const dir = tempDir('debian');
  for (const name of ['upper', 'work', 'root']) mkdirSync(`${dir}/${name}`);
  rootfs = `${dir}/root`;
  const options = `lowerdir=${tree.path},upperdir=${dir}/upper,workdir=${dir}/work`;
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, rootfs]);
}, 1_000_000);

afterAll(() => {
  if (rootfs) execFileSync('umount', [rootfs]);
});

function needsTree(context: TestContext): { suite: string; path: string } {
  needs(context, 'root', 'command:mmdebstrap', 'command:runc');
  if ('missing' in tree) skip(context, tree.missing);
  return tree;
}

type Runtime = 'runc' | 'ctr-run';

function contain(
  runtime: Runtime,
  maker: Maker,
  script: string,
  change: (spec: Spec) => void = () => {},
): Ended {
  const bundle = tempDir('bundle');
  const spec = specBy(maker, ['/bin/bash', '-c', script]);
  spec.root = { path: rootfs, readonly: true };
  change(spec);
  writeFileSync(`${bundle}/config.json`, JSON.stringify(spec));
  const args = ['run', '--bundle', bundle, testId()];
  return runtime === 'runc' ? run('runc', args) : runTool('ctr-run', args);
}

/** Under both, and what ours says, when it is what runc's says. */
function alike(maker: Maker, script: string, change?: (spec: Spec) => void): string[] {
  const theirs = contain('runc', maker, script, change);
  const said = contain('ctr-run', maker, script, change);
  // runc 1.1 asks for ambient capabilities that its spec makes impossible, and says nothing of it.
  const ours = { ...said, stderr: said.stderr.replace(/^ctr-run: warning: ambient capabilities .*\n/, '') };
  expect(ours).toEqual(theirs);
  expect(ours.status, ours.stderr).toBe(0);
  return ours.stdout.split('\n').slice(0, -1);
}

const writable = (spec: Spec): void => {
  spec.root!.readonly = false;
  // What a package manager works with: an engine's usual set.
  const able = [
    'CHOWN',
    'DAC_OVERRIDE',
    'FOWNER',
    'FSETID',
    'SETGID',
    'SETUID',
    'SYS_CHROOT',
    'MKNOD',
    'KILL',
  ];
  const names = able.map((name) => `CAP_${name}`);
  spec.process!.capabilities = { bounding: names, effective: names, permitted: names };
};

describe.each<Maker>(['runc', 'ctr-run'])('Debian, by the spec that %s writes', (maker) => {
  test('has its own identity', (context) => {
    const { path } = needsTree(context);
    const [id, host, pid, pretty, ...rest] = alike(
      maker,
      'id; hostname; echo $$; . /etc/os-release; echo $PRETTY_NAME; cat /etc/debian_version; pwd; umask; env | sort',
    );
    expect(id).toBe('uid=0(root) gid=0(root) groups=0(root)');
    expect(host).toBe(maker === 'runc' ? 'runc' : host);
    expect(pid).toBe('1');
    expect(pretty).toMatch(/^Debian GNU\/Linux \d+ /);
    expect(rest[0]).toBe(readFileSync(`${path}/etc/debian_version`, 'utf8').trim());
  });

  test('lists its packages, and apt says its version', (context) => {
    const { path } = needsTree(context);
    const lines = alike(
      maker,
      'dpkg -l | grep -c ^ii; dpkg --audit; dpkg -S /bin/bash /usr/bin/bash 2>/dev/null; apt --version; dpkg --verify base-files bash && echo whole',
    );
    const packages = readFileSync(`${path}/var/lib/dpkg/status`, 'utf8').match(
      /^Status: install ok installed$/gm,
    );
    expect(Number(lines[0])).toBe(packages!.length);
    expect(lines).toContainEqual(expect.stringMatching(/^bash: .*bin\/bash$/));
    expect(lines).toContainEqual(expect.stringMatching(/^apt \d+\.\d+\.\d+ /));
    expect(lines.at(-1)).toBe('whole');
  });

  test('has the default mounts and devices, and a root that cannot be written', (context) => {
    needsTree(context);
    const lines = alike(
      maker,
      `
        while read -r _ at type options _; do
          case $at in
            /|/proc/acpi|/proc/scsi|/proc/asound|/sys/*) ;; # where ours hides more strictly, or names differ
            *) echo "$at $type $(echo "$options" | sed 's/,size=[0-9]*k//; s/,nr_inodes=[0-9]*//; s/,inode64//')" ;;
          esac
        done </proc/mounts
        ls -l /dev | tr -s ' ' | cut -d' ' -f1,3-6,10-
        touch /etc/x 2>&1
        for f in /proc/kcore /proc/keys /proc/timer_list; do stat -c '%F %t,%T' $f; done
        dd if=/dev/zero of=/dev/shm/x bs=1k count=4 2>/dev/null && stat -c %s /dev/shm/x`,
    );
    for (const at of [
      '/proc',
      '/dev',
      '/dev/pts',
      '/dev/shm',
      '/dev/mqueue',
      '/sys',
      '/sys/fs/cgroup',
    ].filter(
      // Left out by the case above.
      (path) => !path.startsWith('/sys/'),
    ))
      expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^${at} `)));
    expect(lines).toContain("touch: cannot touch '/etc/x': Read-only file system");
    expect(lines.at(-1)).toBe('4096');
  });

  test('knows its users', (context) => {
    needsTree(context);
    const asNobody = alike(
      maker,
      'id; whoami; ls /root 2>&1; grep -E "^(Uid|Gid|Groups|CapEff):" /proc/self/status',
      (spec) => {
        spec.process!.user = { uid: 65534, gid: 65534, additionalGids: [4, 24] };
      },
    );
    expect(asNobody[0]).toBe('uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup),4(adm),24(cdrom)');
    expect(asNobody).toContain("ls: cannot open directory '/root': Permission denied");
    const switching = alike(
      maker,
      "su -s /bin/sh nobody -c 'id -un'; setpriv --reuid=7 --regid=7 --clear-groups id",
      writable,
    );
    expect(switching).toEqual(['nobody', 'uid=7(lp) gid=7(lp) groups=7(lp)']);
  });

  test('builds, installs and removes a package', (context) => {
    needsTree(context);
    const lines = alike(
      maker,
      `set -e; cd /tmp; mkdir -p p/DEBIAN p/opt/hello
       printf 'Package: ctr-hello\\nVersion: 1\\nArchitecture: all\\nMaintainer: nobody <n@example.org>\\nDescription: hello\\n' >p/DEBIAN/control
       printf '#!/bin/sh\\necho configured by $(id -un) as PID 1 is $(cat /proc/1/comm)\\n' >p/DEBIAN/postinst; chmod 755 p/DEBIAN/postinst
       echo hello >p/opt/hello/text; chown nobody p/opt/hello/text
       dpkg-deb -b p hello.deb >/dev/null; dpkg -i hello.deb 2>&1 | grep -v Reading
       stat -c '%U %s' /opt/hello/text; dpkg -P ctr-hello >/dev/null 2>&1; test -e /opt/hello || echo gone; rm -rf p hello.deb; apt-get check -qq && echo sound`,
      writable,
    );
    expect(lines).toContain('configured by root as PID 1 is bash');
    expect(lines.slice(-3)).toEqual(['nobody 6', 'gone', 'sound']);
  });
});

test('what a container writes stays where it was told to, and the cached tree is as it was', (context) => {
  const { path } = needsTree(context);
  expect(contain('ctr-run', 'ctr-run', 'mkdir /home/mine && echo x >/etc/written', writable).status).toBe(0);
  expect(readdirSync(`${rootfs}/home`)).toEqual(['mine']);
  expect(readdirSync(`${path}/home`)).toEqual([]);
  expect(readdirSync(`${path}/etc`)).not.toContain('written');
});
