/** config.md, Mounts: what reaches all of a tree of mounts, and what an earlier mount brings. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, skip, tempDir } from '../../../test/support.ts';
import { leftoversOf, makeBundle, searchable, testId } from './bundles.ts';
import { beside, call, commonBundle } from './peers.ts';
import { around } from './runtimes.ts';

const good = { status: 0, stderr: '' };

test('recursive attributes reach every mount of a tree, and only theirs', (context) => {
  needs(context, 'root');
  const source = tempDir('tree');
  mkdirSync(`${source}/below`);
  chmodSync(source, 0o755);
  const pairs: [string, RegExp][] = [
    ['rro', /^ro/],
    ['rnosuid', /nosuid/],
    ['rnodev', /nodev/],
    ['rnoexec', /noexec/],
    ['rnoatime', /noatime/],
    ['rnodiratime', /nodiratime/],
    ['rstrictatime', /^((?!relatime|noatime).)*$/],
    ['rnosymfollow', /nosymfollow/],
  ];
  const bundle = makeBundle(['/bin/cat', '/proc/self/mountinfo'], (spec) => {
    spec.root!.readonly = false;
    for (const [word] of pairs)
      spec.mounts!.push({ destination: `/t-${word}`, source, options: ['rbind', word] });
  });
  const ended = around(
    'ctr-run',
    bundle,
    `exec unshare -m /bin/sh -c "mount -t tmpfs tmpfs ${source}/below && mkdir ${source}/below/x && $RUN"`,
  );
  expect(ended).toMatchObject(good);
  for (const [word, wanted] of pairs) {
    const own = ended.stdout
      .split('\n')
      .filter((line) => line.split(' ')[4]?.startsWith(`/t-${word}`))
      .map((line) => line.split(' ')[5]!);
    expect(own, word).toHaveLength(2);
    for (const text of own) expect(text, word).toMatch(wanted);
  }
});

test('recursive attributes are taken away from every mount of a tree', (context) => {
  needs(context, 'root');
  const source = tempDir('tree');
  mkdirSync(`${source}/below`);
  chmodSync(source, 0o755);
  const all = ['ro', 'nosuid', 'nodev', 'noexec', 'noatime', 'nodiratime', 'nosymfollow'];
  /** What each takes away, and what else comes with it: of access times there is always one. */
  const words: [word: string, away: string, comes?: string][] = [
    ['rrw', 'ro', 'rw'],
    ['rsuid', 'nosuid'],
    ['rdev', 'nodev'],
    ['rexec', 'noexec'],
    ['rsymfollow', 'nosymfollow'],
    ['rdiratime', 'nodiratime'],
    ['ratime', 'noatime', 'relatime'],
    ['rrelatime', 'noatime', 'relatime'],
    ['rnorelatime', 'noatime', 'relatime'],
    ['rnostrictatime', 'noatime', 'relatime'],
  ];
  const bundle = makeBundle(['/bin/cat', '/proc/self/mountinfo'], (spec) => {
    spec.root!.readonly = false;
    for (const [word] of words)
      spec.mounts!.push({ destination: `/t-${word}`, source, options: ['rbind', word] });
  });
  const options = all.join(',');
  const ended = around(
    'ctr-run',
    bundle,
    `exec unshare -m /bin/sh -c "mount -t tmpfs -o ${options} tmpfs ${source}/below && $RUN"`,
  );
  expect(ended).toMatchObject(good);
  for (const [word, away, comes] of words) {
    const line = ended.stdout.split('\n').find((text) => text.split(' ')[4] === `/t-${word}/below`)!;
    const wanted = [...all.filter((option) => option !== away), ...(comes ? [comes] : [])];
    expect(
      line
        .split(' ')[5]!
        .split(',')
        .filter((o) => o !== 'rw' || away === 'ro')
        .toSorted(),
      word,
    ).toEqual(wanted.toSorted());
  }
});

describe.each(beside({ runc: '1.1', crun: '1.8' }))(
  'a bind of what an earlier mount brings, under %s',
  (runtime) => {
    const bundleOf = (change: (spec: Spec) => void = () => {}) => {
      const given = tempDir('given');
      mkdirSync(`${given}/deep`);
      writeFileSync(`${given}/deep/f`, 'from the mount\n');
      searchable(`${given}/deep`);
      const bundle = commonBundle(['/bin/cat', '/tmp/f'], (spec) => {
        const bind = (source: string, destination: string) => ({
          destination,
          type: 'bind',
          source,
          options: ['bind'],
        });
        spec.mounts!.push(bind(given, '/m'), bind('rootfs/m/deep/f', '/tmp/f'));
        change(spec);
      });
      mkdirSync(`${bundle}/rootfs/m`);
      writeFileSync(`${bundle}/rootfs/tmp/f`, '');
      searchable(`${bundle}/rootfs`);
      return bundle;
    };
    const userNamespace = (spec: Spec) => {
      spec.linux!.namespaces!.push({ type: 'user' });
      for (const map of ['uidMappings', 'gidMappings'] as const)
        spec.linux![map] = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    };

    test('the mount decides', () => {
      const ended = call(runtime, ['run', '--bundle', bundleOf(), testId()]);
      expect(ended).toMatchObject({ status: 0, stdout: 'from the mount\n' });
    });

    test('with a user namespace too', (context) => {
      if (runtime === 'runc') skip(context, 'runc opens the sources before it mounts');
      const ended = call(runtime, ['run', '--bundle', bundleOf(userNamespace), testId()]);
      expect(ended).toMatchObject({ status: 0, stdout: 'from the mount\n' });
    });

    test('what is there beforehand is covered by it', (context) => {
      if (runtime === 'runc') skip(context, 'runc opens the sources before it mounts');
      const bundle = bundleOf(userNamespace);
      mkdirSync(`${bundle}/rootfs/m/deep`);
      writeFileSync(`${bundle}/rootfs/m/deep/f`, 'covered\n');
      expect(call(runtime, ['run', '--bundle', bundle, testId()]).stdout).toBe('from the mount\n');
    });

    test('one that never comes is an error, and nothing is left', () => {
      const id = testId();
      const bundle = bundleOf((spec) => {
        spec.mounts!.at(-1)!.source = 'rootfs/m/none';
      });
      const ended = call(runtime, ['run', '--bundle', bundle, id]);
      expect(ended.status).toBe(1);
      if (runtime === 'ctr-run') {
        expect(ended.stderr).toMatch(/bind .*\/rootfs\/m\/none on \/tmp\/f: .*the source is not there/);
        expect(leftoversOf(id)).toEqual([]);
      }
    });
  },
);
