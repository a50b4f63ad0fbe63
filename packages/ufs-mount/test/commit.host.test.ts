/** What --commit writes of every kind of change, and that others read the same. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isRoot, needs, run, runShell, tempDir } from '../../../test/support.ts';
import { busyboxEntries, layout, tar } from './archives.ts';
import { dir, file, hard, link, root, storeAt } from './layers.ts';
import { treeOf } from './tree.ts';

const store = storeAt(isRoot ? undefined : '/nonexistent');
const { ufs } = store;

const image = (compression: 'none' | 'gzip' | 'zstd' = 'gzip') =>
  layout(
    [
      tar([
        ...busyboxEntries(),
        dir('old'),
        file('old/a'),
        file('old/b'),
        dir('old/deep'),
        file('old/deep/c'),
      ]),
      tar([root, dir('more'), file('more/one', '1'), hard('more/two', 'more/one'), link('more/link', 'one')]),
    ],
    { compression, config: { Cmd: ['/bin/sh'], Labels: { kept: 'yes' } } },
  );

/** Every change that a layer can hold. */
const changes = `
  rm -r old/deep && mkdir old/deep && echo n > old/deep/new     # a directory of the same name
  rm old/a && rm -r bin/ls && rm more/link && ln -s two more/link
  ln old/b old/linked                                           # another name for a file from below
  echo l > h1 && ln h1 h2 && ln h1 bin/h3                       # three names
  ln -s /etc/passwd s1 && ln s1 s2                              # two names of a link
  mknod c c 1 3 && chmod 640 c && mknod b b 7 200 && mkfifo p && chown 5:6 p
  truncate -s 3M holes && printf x | dd of=holes bs=1 seek=2000000 conv=notrunc status=none
  printf x > suid && chown 33:34 suid && chmod 6755 suid && chown 3000000:3000001 tmp
  python3 -c 'import os
os.setxattr("h1", "user.bytes", b"\\0\\1\\xff\\n=")
os.setxattr("old", "trusted.t", b"v")
os.setxattr("suid", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
os.setxattr("p", "system.posix_acl_access", bytes.fromhex("0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff"))
os.setxattr("old", "system.posix_acl_default", bytes.fromhex("0200000001000700ffffffff04000500ffffffff20000500ffffffff"))
open(b"\\xff\\xfe", "w").write("no UTF-8")
os.makedirs("n" * 120 + "/" + "m" * 120); open("n" * 120 + "/" + "m" * 120 + "/f", "w").write("long")
os.utime("h1", ns=(1, -1250000000)); os.utime("suid", ns=(1, 1500000000123456789))
'
  rm -r proc && echo f > proc && rm bin/cat && mkdir bin/cat && chmod 700 sys`;

function changed(source: string, ...flags: string[]): string {
  const { stdout, stderr, status } = ufs(source, '--temp', ...flags);
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  expect(runShell(`cd ${stdout.trimEnd()} && set -e\n${changes}`)).toMatchObject({ stderr: '', status: 0 });
  return stdout.trimEnd();
}

test.for(['overlay', 'vfs'])(
  'an image that skopeo, umoci and podman take, of a root by %s',
  (driver, context) => {
    needs(context, 'root');
    const at = changed(`oci:${image()}`, '--driver', driver);
    const out = tempDir('out');
    const wanted = treeOf(at);
    try {
      const first = ufs('--commit', at, `oci:${out}/image:new`);
      expect(first).toMatchObject({ stderr: '', status: 0 });
      // The same change, the same bytes: manifest, configuration and layer.
      expect(ufs('--commit', at, `oci:${out}/again:new`).stdout).toBe(first.stdout);
      expect(runShell(`cd ${out} && diff -r image again`).stdout).toBe('');
      expect(runShell(`ls -A ${out}/image ${out}/image/blobs; ls ${store.path}/tmp`).stdout).toBe(
        `${out}/image:\nblobs\nindex.json\noci-layout\n\n${out}/image/blobs:\nsha256\n`,
      );
    } finally {
      expect(ufs('--unmount', at).stderr).toBe('');
    }
    const { '': _ours, ...ours } = store.tree(`oci:${out}/image:new`);
    const { '': _wanted, ...rest } = wanted;
    expect(ours).toEqual(rest);
    if (run('umoci', ['--version']).status === 0) {
      const unpacked = run('umoci', ['unpack', '--image', `${out}/image:new`, `${out}/bundle`]);
      expect(unpacked.stderr).toBe('');
      const { '': _theirs, ...theirs } = treeOf(`${out}/bundle/rootfs`);
      expect(theirs).toEqual(rest);
    }
  },
);

test('skopeo and podman read it, with what the image below says of itself', (context) => {
  needs(context, 'root', 'command:skopeo', 'command:podman');
  const at = changed(`oci:${image()}`);
  const out = tempDir('out');
  try {
    expect(ufs('--commit', at, `oci:${out}/image:new`).status).toBe(0);
  } finally {
    ufs('--unmount', at);
  }
  const config = JSON.parse(run('skopeo', ['inspect', '--config', `oci:${out}/image:new`]).stdout);
  expect(config.config).toEqual({ Cmd: ['/bin/sh'], Labels: { kept: 'yes' } });
  expect(config.rootfs.diff_ids).toHaveLength(3);
  const place = ['--root', `${out}/storage`, '--runroot', `${out}/run`, '--storage-driver', 'vfs'];
  // The image is named by its path, which has to be in lower case for that.
  const podman = (...args: string[]) => run('podman', [...place, ...args], { timeout: 120_000, cwd: out });
  const pulled = podman('pull', '--quiet', 'oci:image:new');
  // On cgroup v1 podman 5 warns that it will go.
  expect(pulled.status, pulled.stderr).toBe(0);
  const mounted = podman('image', 'mount', pulled.stdout.trim());
  expect(mounted.status).toBe(0);
  try {
    expect(readFileSync(`${mounted.stdout.trim()}/old/deep/new`, 'utf8')).toBe('n\n');
  } finally {
    podman('image', 'umount', '--all');
    podman('rmi', '--all', '--force');
  }
}, 300_000);

test.for(['none', 'gzip', 'zstd'] as const)(
  'upon an image compressed by %s, from archives too',
  (compression, context) => {
    needs(context, 'root');
    const from = image(compression);
    const out = tempDir('out');
    runShell(`cd ${from} && tar -cf ${out}/archive.tar *`);
    for (const source of [`oci:${from}`, `oci-archive:${out}/archive.tar`]) {
      const { stdout } = ufs(source, '--temp');
      const at = stdout.trimEnd();
      writeFileSync(`${at}/new`, 'n');
      try {
        expect(ufs('--commit', at, `oci:${out}/${source.length}:t`)).toMatchObject({ stderr: '', status: 0 });
      } finally {
        ufs('--unmount', at);
      }
      expect(Object.keys(store.tree(`oci:${out}/${source.length}:t`))).toEqual(
        expect.arrayContaining(['new', 'more/two', 'bin/busybox']),
      );
    }
  },
);

test('a second tag beside the first, and one in its place', (context) => {
  needs(context, 'root');
  const out = tempDir('out');
  const at = ufs(`oci:${image()}`, '--temp').stdout.trimEnd();
  const tags = () =>
    (JSON.parse(readFileSync(`${out}/l/index.json`, 'utf8')).manifests as { annotations: object }[]).map(
      (one) => Object.values(one.annotations)[0],
    );
  try {
    ufs('--commit', at, `oci:${out}/l`);
    ufs('--commit', at, `oci:${out}/l:other`);
    expect(tags()).toEqual(['latest', 'other']);
    writeFileSync(`${at}/new`, '');
    ufs('--commit', at, `oci:${out}/l:other`);
    expect(tags()).toEqual(['latest', 'other']);
  } finally {
    ufs('--unmount', at);
  }
  expect(Object.keys(store.tree(`oci:${out}/l:other`))).toContain('new');
  expect(Object.keys(store.tree(`oci:${out}/l:latest`))).not.toContain('new');
});

test('what a layer cannot hold is said, and leaves nothing', (context) => {
  needs(context, 'root');
  const out = tempDir('out');
  const at = ufs(`oci:${image()}`, '--temp').stdout.trimEnd();
  try {
    mkdirSync(`${at}/d`);
    writeFileSync(`${at}/d/.wh.name`, '');
    const refused = ufs('--commit', at, `${out}/layer`);
    expect(refused).toMatchObject({ status: 125, stdout: '' });
    expect(refused.stderr).toContain('/d/.wh.name cannot be kept in a layer');
    expect(runShell(`ls ${out} ${store.path}/tmp`).stdout).not.toContain('layer');
  } finally {
    ufs('--unmount', at);
  }
});
