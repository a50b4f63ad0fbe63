/** Archives that want to get out, or to break what reads them; with openat2 and where there is none. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { isRoot, needs, run, runShell, tempDir, toolPath } from '../../../test/support.ts';
import { layout, type TarEntry, tar } from './archives.ts';
import { dir, file, hard, link, root, storeAt, white } from './layers.ts';

const store = storeAt(isRoot ? undefined : '/nonexistent');

/** A number as GNU tar writes what does not fit into octal digits. */
const base256 = (value: bigint, n: number): Buffer => {
  const bytes = Buffer.alloc(n);
  let left = BigInt.asUintN(8 * n, value);
  for (let i = n - 1; i >= 0; i--, left >>= 8n) bytes[i] = Number(left & 255n);
  bytes[0]! |= 0x80;
  return bytes;
};

/** Put something else into the header that begins at `at`, and its checksum right. */
function patched(archive: Buffer, at: number, field: number, value: Buffer): Buffer {
  const changed = Buffer.from(archive);
  value.copy(changed, at + field);
  changed.write('        ', at + 148);
  const sum = changed.subarray(at, at + 512).reduce((all, byte) => all + byte, 0);
  changed.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
  return changed;
}

const one = tar([root, file('x', 'content')]);
const SECOND = 512; // where the second header begins

const refusals: [string, Buffer, string][] = [
  ['a name with ..', tar([root, file('../../escaped')]), 'leads out of the root'],
  ['a name with .. in the middle', tar([root, dir('a'), file('a/../../escaped')]), 'leads out of the root'],
  ['a directory named ..', tar([root, dir('..')]), 'leads out of the root'],
  ['a hard link with ..', tar([root, hard('x', '../../etc/passwd')]), 'outside of the root'],
  ['a hard link to what is not there', tar([root, hard('x', '/etc/passwd')]), 'No such file'],
  ['a hard link to a directory', tar([root, dir('d'), hard('x', 'd')]), 'Operation not permitted'],
  ['a whiteout of ..', tar([root, dir('a'), { name: 'a/.wh...' }]), 'hides no name'],
  ['a whiteout of .', tar([root, dir('a'), { name: 'a/.wh..' }]), 'hides no name'],
  ['a whiteout of nothing', tar([root, { name: '.wh.' }]), 'hides no name'],
  ['an entry below a file', tar([root, file('a'), file('a/b')]), 'Not a directory'],
  ['a link that leads to itself', tar([root, link('a', 'a'), file('a/b')]), 'ymbolic link'],
  ['a socket', tar([root, { name: 's', type: 's' }]), 'which a layer cannot hold'],
  ["overlay's whiteout as a device", tar([root, { name: 'w', type: '3', device: [0, 0] }]), '0:0'],
  ['a file larger than the archive', patched(one, SECOND, 124, Buffer.from('77777777777 ')), 'too early'],
  ['a size below zero', patched(one, SECOND, 124, base256(-5n, 12)), 'below zero'],
  ['a size beyond 64 bits', patched(one, SECOND, 124, base256(1n << 80n, 12)), 'too early'],
  ['an owner below zero', patched(one, SECOND, 108, base256(-1n, 8)), 'owner that there cannot be'],
  ['an owner that is nobody', tar([file('x', '', { pax: { uid: '4294967295' } })]), 'cannot be'],
  ['a pax number that is none', tar([file('x', '', { pax: { uid: '12a' } })]), 'not a number'],
  ['a pax size below zero', tar([file('x', '', { pax: { size: '-1' } })]), 'not a number'],
  ['a pax size beyond 64 bits', tar([file('x', '', { pax: { size: '9'.repeat(40) } })]), 'not a number'],
  [
    'a device number that there cannot be',
    patched(tar([root, { name: 'd', type: '3', device: [1, 3] }]), SECOND, 329, base256(1n << 40n, 8)),
    'number that there cannot be',
  ],
  ['a NUL in a pax name', tar([file('x', '', { pax: { path: 'a\0b' } })]), 'NUL'],
  ['a name beyond what there can be', tar([file('x', '', { pax: { path: 'n'.repeat(300) } })]), 'too long'],
  [
    'a path beyond what there can be',
    tar([file('x', '', { pax: { path: `${'d/'.repeat(2500)}f` } })]),
    'too long',
  ],
  [
    'headers without an end',
    Buffer.concat(
      Array.from({ length: 60 }, (_, i) =>
        tar([file('x', '', { pax: { [`SCHILY.xattr.user.a${i}`]: 'v'.repeat(100_000) } })]).subarray(
          0,
          101_376,
        ),
      ),
    ),
    'too long',
  ],
  [
    'parts of a sparse file outside of it',
    tar([file('x', 'content', { pax: { 'GNU.sparse.realsize': '9', 'GNU.sparse.map': '4,7' } })]),
    'outside of it',
  ],
  [
    'parts of a sparse file that lie upon one another',
    tar([file('x', 'content', { pax: { 'GNU.sparse.realsize': '99', 'GNU.sparse.map': '4,3,5,4' } })]),
    'outside of it',
  ],
  [
    'parts of a sparse file beyond 64 bits',
    tar([
      file('x', 'content', {
        pax: { 'GNU.sparse.realsize': '99', 'GNU.sparse.map': '18446744073709551615,7' },
      }),
    ]),
    'outside of it',
  ],
  [
    'a header whose checksum is wrong',
    Buffer.concat([one.subarray(0, 600), Buffer.from('!'), one]),
    'checksum',
  ],
  [
    'an access control list that names a user by name',
    tar([file('x', '', { pax: { 'SCHILY.acl.access': 'user::rwx,user:lisa:r--,group::r--,other::r--' } })]),
    'without a number',
  ],
];

describe('refused', () => {
  test.for(refusals)('%s', ([_name, archive, words], context) => {
    needs(context, 'root');
    const path = `${tempDir('hostile')}/layer`;
    writeFileSync(path, archive);
    expect(store.refused(path)).toContain(words);
    expect(runShell(`find ${store.path} -name '*.new'`).stdout).toBe('');
  });

  test('a name that only a link in it would lead out', (context) => {
    needs(context, 'root');
    const image = layout([tar([root, link('l', '..'), file('l/../../up')])]);
    expect(store.refused(`oci:${image}`)).toContain('leads out of the root');
  });
});

const outside = isRoot ? tempDir('outside') : '';
const victim = `${outside}/victim`;
const escapes: TarEntry[] = [
  root,
  link('out', outside),
  dir(outside.slice(1)),
  file('out/inside', 'x'),
  link('up', '../../../../../../../..'),
  file('up/too', 'y'),
  link('one', 'two'),
  link('two', `${outside}/../../../../../..`),
  file('one/three', 'z'),
  link('x', victim),
  file('x', 'new'),
  link('y', victim),
  hard('z', 'y'),
  file('z', 'of its own'),
  file('a', 'old'),
  hard('b', 'a'),
  file('a', 'changed'),
  link('d', outside),
  dir('d'),
  file('d/within', 'w'),
  link('hide', outside),
  white('hide/victim'),
  file('/absolute', 'in the root'),
  file('//./dots/./and//slashes', 's'),
];

/** Run ufs-mount as on a kernel without openat2(2) (before Linux 5.6). */
function withoutOpenat2(source: string, target: string) {
  const profile = `${tempDir('profile')}/profile.json`;
  const rule = { names: ['openat2'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 };
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }));
  const command = [toolPath('ufs-mount'), source, '--temp', '--target', target];
  return run(toolPath('seccomp-load'), [profile, '--', ...command], { env: store.env, timeout: 120_000 });
}

test.for(['overlay', 'vfs', 'a kernel without openat2'])(
  'links lead nowhere but into the root: %s',
  (how, context) => {
    needs(context, 'root');
    writeFileSync(victim, 'untouched');
    const before = statSync(victim);
    // Whiteouts hide what lies below: the same escapes in a layer above another.
    const image = layout([tar([root, file('below')]), tar([...escapes, file('random', how)])]);
    const at = `${tempDir('at')}/root`;
    const mounted = how.includes('openat2')
      ? withoutOpenat2(`oci:${image}`, at)
      : store.ufs(`oci:${image}`, '--temp', '--target', at, '--driver', how);
    expect(mounted).toMatchObject({ stderr: '', status: 0 });
    try {
      const read = (name: string) => readFileSync(`${at}/${name}`, 'utf8');
      expect(read('too')).toBe('y');
      expect(read('three')).toBe('z');
      expect(read(`${outside.slice(1)}/inside`)).toBe('x');
      expect([read('x'), read('z'), read('a'), read('b')]).toEqual(['new', 'of its own', 'changed', 'old']);
      expect(read('d/within')).toBe('w');
      expect(read('absolute')).toBe('in the root');
      expect(read('dots/and/slashes')).toBe('s');
    } finally {
      expect(store.ufs('--unmount', at).stderr).toBe('');
    }
    expect(runShell(`ls -A ${outside}`).stdout).toBe('victim\n');
    const after = statSync(victim);
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
    expect([after.ino, after.nlink, after.mode, after.mtimeMs]).toEqual([
      before.ino,
      1,
      before.mode,
      before.mtimeMs,
    ]);
    expect(existsSync('/too') || existsSync('/three')).toBe(false);
  },
);

test("drivers' own attributes are not taken from an archive", (context) => {
  needs(context, 'root');
  const below = [root, dir('a'), file('a/x')];
  const marks = ['trusted.overlay.opaque', 'user.overlay.opaque', 'user.fuseoverlayfs.opaque'];
  const pax = Object.fromEntries(marks.map((name) => [`SCHILY.xattr.${name}`, 'y']));
  const image = layout([tar(below), tar([root, dir('a', { pax })])]);
  expect(Object.keys(store.tree(`oci:${image}`))).toContain('a/x');
  expect(Object.keys(store.tree(`oci:${image}`, '--driver', 'vfs'))).toContain('a/x');
});

test('directories as deep as a path can be', (context) => {
  needs(context, 'root');
  const deep = (n: number): TarEntry => ({ name: 'x', type: '5', pax: { path: 'd/'.repeat(n) } });
  const layers = [
    [root, ...Array.from({ length: 1500 }, (_, i) => deep(i + 1)), file('end', 'e')],
    [root, dir('d'), { name: 'd/.wh..wh..opq' }, file('d/new', 'n')],
  ];
  const image = layout(layers.map((entries) => tar(entries)));
  for (const driver of ['overlay', 'vfs'])
    expect(Object.keys(store.tree(`oci:${image}`, '--driver', driver)).sort()).toEqual([
      '',
      'd',
      'd/new',
      'end',
    ]);
});

test('a small archive of much nothing fills the disk and says so, and leaves nothing', (context) => {
  needs(context, 'root');
  const small = tempDir('small');
  expect(runShell(`mount -t tmpfs -o size=8m none ${small}`).status).toBe(0);
  try {
    const bomb = `${tempDir('bomb')}/layer`;
    writeFileSync(bomb, gzipSync(tar([root, file('zeros', Buffer.alloc(64 << 20).toString('latin1'))])));
    expect(storeAt(small).refused(bomb)).toContain('No space left on device');
    expect(runShell(`ls ${small}/layers | grep -v lock; ls ${small}/roots; du -sk ${small}`).stdout).toMatch(
      /^\d+\t/,
    );
  } finally {
    runShell(`umount ${small}`);
  }
});
