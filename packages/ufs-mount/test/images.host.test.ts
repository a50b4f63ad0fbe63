/** Images that are committed, opened for another platform, unpacked, and taken out of a layout, held to umoci, skopeo and GNU tar. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { atFileEnd, isRoot, needs, run, runTool, tempDir } from '../../../test/support.ts';
import { searchable } from '../../ctr-run/test/bundles.ts';
import { layout, tar } from './archives.ts';
import { dir, file, hard, link, root, storeAt, white } from './layers.ts';
import { treeOf } from './tree.ts';

const store = storeAt(isRoot ? undefined : '/nonexistent');
const { ufs } = store;

const image = (directory?: string, tag = '3', architecture?: string) =>
  layout(
    [
      tar([
        root,
        dir('a', { mode: 0o750 }),
        file('a/one', '1', { mode: 0o4755, uid: 5, gid: 6 }),
        file('gone'),
      ]),
      tar([
        dir('b'),
        hard('b/two', 'a/one'),
        link('b/link', '../a/one'),
        white('gone'),
        file('arch', architecture ?? 'own'),
      ]),
    ],
    {
      tag,
      ...(directory && { directory }),
      config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin', 'KEPT=1'], Labels: { kept: 'yes' } },
    },
  );

/** A root with a change in it, for as long as `look` needs it. */
function changed<T>(source: string, look: (at: string) => T, ...flags: string[]): T {
  return store.within(
    source,
    (at) => {
      writeFileSync(join(at, 'new'), 'a change\n');
      return look(at);
    },
    ...flags,
  );
}

test('a layer is compressed as its name says, and GNU tar reads the same of each', (context) => {
  needs(context, 'root');
  const out = tempDir('out');
  changed(`oci:${image()}`, (at) => {
    for (const name of ['x.tar', 'x.tar.gz', 'x.tgz', 'x.tar.zst', 'x.tzst'])
      expect(ufs('--commit', at, `${out}/${name}`)).toMatchObject({ status: 0, stderr: '', stdout: '' });
    // One that is there is replaced, and nothing is left beside it.
    expect(ufs('--commit', at, `${out}/x.tgz`)).toMatchObject({ status: 0, stderr: '' });
    expect(ufs('--commit', at, `${out}/no/such/x.tar.gz`)).toMatchObject({ status: 125 });
  });
  const magic = (name: string) => readFileSync(`${out}/${name}`).subarray(0, 4).toString('hex');
  expect(magic('x.tar.gz')).toMatch(/^1f8b/);
  expect(magic('x.tgz')).toMatch(/^1f8b/);
  expect(magic('x.tar.zst')).toBe('28b52ffd');
  expect(magic('x.tzst')).toBe('28b52ffd');
  const listed = (name: string) => run('tar', ['-tvf', `${out}/${name}`]).stdout;
  expect(listed('x.tar')).toContain(' ./new\n'.replace('./', ''));
  for (const name of ['x.tar.gz', 'x.tgz', 'x.tar.zst', 'x.tzst']) expect(listed(name)).toBe(listed('x.tar'));
  expect(readdirSync(out).sort()).toEqual(['x.tar', 'x.tar.gz', 'x.tar.zst', 'x.tgz', 'x.tzst']);
  expect(readdirSync(`${store.path}/tmp`)).toEqual([]);
});

test('a root of an image whose tag has been moved is not put upon other layers', (context) => {
  needs(context, 'root');
  const from = image();
  const other = layout([tar([root, file('other')])], { tag: '3' });
  const out = `oci:${tempDir('out')}/image:x`;
  changed(`oci:${from}:3`, (at) => {
    expect(ufs('--commit', at, out)).toMatchObject({ status: 0 });
    rmSync(from, { recursive: true });
    cpSync(other, from, { recursive: true });
    expect(ufs('--commit', at, out)).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('has other layers now than the root was made of'),
    });
    expect(ufs('--commit', at, out, '--squash')).toMatchObject({ status: 0 });
  });
});

test('an image says what it was told to, as umoci and skopeo read it', (context) => {
  needs(context, 'root', 'command:skopeo', 'command:umoci');
  const out = tempDir('out');
  const said = [
    ...['--author', 'A. Nobody', '--message', 'a change', '--cmd', 'nginx', '--cmd', '-g'],
    ...['--entrypoint', '/bin/tini', '--env', 'KEPT=2', '--env', 'NEW=a=b', '--label', 'org.x=y z'],
    ...['--workdir', '/srv', '--user', 'web', '--platform', 'linux/arm64/v8'],
  ];
  changed(`oci:${image()}`, (at) => {
    expect(ufs('--commit', at, `oci:${out}/image:new`, ...said)).toMatchObject({ status: 0, stderr: '' });
    for (const flag of ['--author', '--cmd', '--label'])
      expect(ufs('--commit', at, `${out}/layer.tar`, flag, 'x=y').stderr).toContain(
        `${flag} is for --commit TARGET oci:`,
      );
    expect(ufs('--commit', at, `oci:${out}/image:bad`, '--env', 'NOVALUE').stderr).toContain(
      'it is NAME=VALUE',
    );
    expect(ufs('--commit', at, `oci:${out}/image:bad`, '--platform', 'a/b/c/d').stderr).toContain('OS/ARCH');
  });
  const inspect = run('skopeo', ['--override-arch', 'arm64', 'inspect', '--config', `oci:${out}/image:new`]);
  const config = JSON.parse(inspect.stdout);
  expect(config).toMatchObject({ author: 'A. Nobody', os: 'linux', architecture: 'arm64' });
  expect(config.config).toEqual({
    Cmd: ['nginx', '-g'],
    Entrypoint: ['/bin/tini'],
    Env: ['PATH=/bin', 'KEPT=2', 'NEW=a=b'],
    Labels: { kept: 'yes', 'org.x': 'y z' },
    WorkingDir: '/srv',
    User: 'web',
  });
  const history = JSON.parse(run('umoci', ['stat', '--json', '--image', `${out}/image:new`]).stdout).history;
  expect(history.at(-1)).toMatchObject({
    created_by: 'ufs-mount --commit',
    author: 'A. Nobody',
    comment: 'a change',
  });
});

test('a squashed image has one layer with the whole tree, and umoci unpacks the same', (context) => {
  needs(context, 'root', 'command:umoci');
  const out = tempDir('out');
  const wanted = changed(`oci:${image()}`, (at) => {
    expect(ufs('--commit', at, `oci:${out}/image:one`, '--squash')).toMatchObject({ status: 0, stderr: '' });
    expect(ufs('--commit', at, `${out}/whole.tar.gz`, '--squash')).toMatchObject({ status: 0, stderr: '' });
    return treeOf(at);
  });
  const { '': _root, ...rest } = wanted;
  const { '': _ours, ...ours } = store.tree(`oci:${out}/image:one`);
  expect(ours).toEqual(rest);
  expect(Object.keys(rest)).toEqual(['a', 'a/one', 'arch', 'b', 'b/link', 'b/two', 'new']);
  const stat = JSON.parse(run('umoci', ['stat', '--json', '--image', `${out}/image:one`]).stdout);
  expect(stat.history).toHaveLength(1);
  expect(run('umoci', ['unpack', '--image', `${out}/image:one`, `${out}/bundle`]).status).toBe(0);
  const { '': _theirs, ...theirs } = treeOf(`${out}/bundle/rootfs`);
  expect(theirs).toEqual(rest);
  mkdirSync(`${out}/tar`);
  run('tar', ['-xpf', `${out}/whole.tar.gz`, '-C', `${out}/tar`, '--xattrs', '--xattrs-include=*']);
  const { '': _tars, ...tars } = treeOf(`${out}/tar`);
  expect(tars).toEqual(rest);
  // A root of directories becomes an image only whole.
  const plain = tempDir('plain');
  writeFileSync(`${plain}/f`, 'f');
  changed(plain, (at) => {
    expect(ufs('--commit', at, `oci:${out}/image:dirs`).stderr).toContain('whole with --squash');
    expect(ufs('--commit', at, `oci:${out}/image:dirs`, '--squash')).toMatchObject({ status: 0 });
  });
  expect(Object.keys(store.tree(`oci:${out}/image:dirs`))).toEqual(['', 'f', 'new']);
});

/** Two platforms under one tag, as skopeo and buildah write them. */
function twoPlatforms(): string {
  const directory = image(undefined, 'own');
  image(directory, 'own', 'foreign');
  const [foreign] = JSON.parse(readFileSync(`${directory}/index.json`, 'utf8')).manifests;
  image(directory, 'own');
  const [own] = JSON.parse(readFileSync(`${directory}/index.json`, 'utf8')).manifests;
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64'];
  const manifests = [
    { ...own, platform: { os: 'linux', architecture } },
    { ...foreign, platform: { os: 'linux', architecture: 's390x' } },
  ];
  writeFileSync(`${directory}/index.json`, JSON.stringify({ schemaVersion: 2, manifests }));
  return directory;
}

test('the image of another platform is opened, where there is one', (context) => {
  needs(context, 'root');
  const directory = twoPlatforms();
  const arch = (...flags: string[]) =>
    store.within(`oci:${directory}:own`, (at) => readFileSync(`${at}/arch`, 'utf8'), ...flags);
  expect(arch()).toBe('own');
  const own = ufs(`oci:${directory}:own`, '--platform', 'linux/riscv64');
  expect([own.status, own.stderr]).toEqual([125, expect.stringMatching(/riscv64|name one by its tag/)]);
  const single = ufs(`oci:${image()}`, '--platform', 'linux/s390x');
  expect([single.status, single.stderr]).toEqual([
    125,
    expect.stringContaining('has no image for linux/s390x; it is for linux/'),
  ]);
  expect(ufs(`oci:${directory}`, '--platform', 'what/is/this/now').stderr).toContain(
    'it is OS/ARCH[/VARIANT]',
  );
});

test('an image is unpacked into a directory that stays, as umoci unpacks it', (context) => {
  needs(context, 'root', 'command:umoci');
  const out = tempDir('out');
  const from = `oci:${image()}`;
  for (const driver of ['auto', 'vfs']) {
    const at = `${out}/${driver}`;
    expect(ufs(from, '--unpack', at, '--driver', driver)).toMatchObject({
      status: 0,
      stderr: '',
      stdout: '',
    });
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(out);
    expect(run('umoci', ['unpack', '--image', `${from.slice(4)}:3`, `${out}/umoci-${driver}`]).status).toBe(
      0,
    );
    expect(treeOf(at)).toEqual(treeOf(`${out}/umoci-${driver}/rootfs`));
    expect(JSON.stringify(run('getfattr', ['-Rdm', '.', at]).stdout)).not.toContain('overlay');
  }
  const again = ufs(from, '--unpack', `${out}/auto`);
  expect([again.status, again.stderr]).toEqual([125, expect.stringContaining('it is there already')]);
  expect(ufs(from, '--unpack', `${out}/no/such/place`).status).toBe(125);
  expect(ufs('host', '--unpack', `${out}/host`).stderr).toContain('copy it with cp(1)');
  expect(ufs('--unpack', `${out}/none`).stderr).toContain('which layers?');
  expect(readdirSync(out).sort()).toEqual(['auto', 'umoci-auto', 'umoci-vfs', 'vfs']);
});

test('without root too, where everything is then the user’s own and no mark of ours is seen', (context) => {
  needs(context, 'root');
  const out = tempDir('out');
  searchable(out);
  const from = image();
  run('chmod', ['-R', 'a+rX', from]);
  searchable(from);
  run('chown', ['4321:4321', out]);
  const env = { ...store.env, CTR_STORE: `${out}/store`, HOME: out };
  const ended = runTool('ufs-mount', [`oci:${from}`, '--unpack', `${out}/plain`], {
    env,
    uid: 4321,
    gid: 4321,
    timeout: 60_000,
  });
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  const seen = treeOf(`${out}/plain`);
  expect(Object.keys(seen)).toEqual(['', 'a', 'a/one', 'arch', 'b', 'b/link', 'b/two']);
  expect(seen['b/two']!.same).toBe(seen['a/one']!.same);
  expect(seen['a/one']!.owner).toEqual([4321, 4321]);
  expect(run('getfattr', ['-Rdm', '.', `${out}/plain`]).stdout).toBe('');
});

test('tags of a layout are listed and removed, and the blobs of what is gone collected, as umoci does it', (context) => {
  needs(context, 'root', 'command:umoci');
  const ours = image(`${tempDir('ours')}/image`, '3');
  changed(`oci:${ours}:3`, (at) => expect(ufs('--commit', at, `oci:${ours}:new`).status).toBe(0));
  const theirs = `${tempDir('theirs')}/image`;
  run('cp', ['-a', ours, theirs]);
  const blobs = (directory: string) => readdirSync(`${directory}/blobs/sha256`).sort();
  expect(blobs(ours)).toEqual(blobs(theirs));
  expect(ufs('--tags', `oci:${ours}`).stdout).toBe(run('umoci', ['ls', '--layout', theirs]).stdout);
  expect(JSON.parse(ufs('--tags', `oci:${ours}`, '--json').stdout)).toMatchObject([
    { tag: '3' },
    { tag: 'new' },
  ]);
  // What is still used is not collected.
  expect(ufs(`--gc=oci:${ours}`).stdout).toBe('0 blobs removed\n');

  const planned = ufs('--untag', `oci:${ours}:new`, '--plan');
  expect([planned.status, ufs('--tags', `oci:${ours}`).stdout]).toEqual([0, '3\nnew\n']);
  expect(ufs('--untag', `oci:${ours}:new`)).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect(run('umoci', ['rm', '--image', `${theirs}:new`]).status).toBe(0);
  expect(ufs('--tags', `oci:${ours}`).stdout).toBe('3\n');
  writeFileSync(`${ours}/blobs/sha256/.new-1`, 'somebody writes');
  expect(ufs(`--gc=oci:${ours}`).stdout).toBe('3 blobs removed\n');
  expect(run('umoci', ['gc', '--layout', theirs]).status).toBe(0);
  expect(blobs(ours).filter((name) => !name.startsWith('.'))).toEqual(blobs(theirs));
  expect(existsSync(`${ours}/blobs/sha256/.new-1`)).toBe(true);
  expect(Object.keys(store.tree(`oci:${ours}:3`))).toContain('a/one');

  expect(ufs('--untag', `oci:${ours}:new`).stderr).toContain('there is no image new');
  expect(ufs('--untag', `oci:${ours}`).stderr).toContain('which image?');
  expect(ufs('--tags', `oci:${tempDir('empty')}`).stderr).toContain('is not an image layout');
  expect(ufs('--tags', ours).stderr).toContain('an image layout is named oci:DIR');
});

atFileEnd(() => ufs('--gc'));
