/** What the drivers mark layers and changes with is theirs alone: nobody sees it in a root, however that was made. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needs, run, runTool, tempDir, toolEnv } from '../../../test/support.ts';
import { searchable } from '../../ctr-run/test/bundles.ts';
import { busyboxEntries, layout, tar } from './archives.ts';
import { dir, file, opaque, root, white } from './layers.ts';

/** Lists the attributes of all that it finds, by every name that a driver's mark may have. */
const looker = `#define _GNU_SOURCE
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
static int look(const char *path, const struct stat *st, int type, struct FTW *at) {
  char names[4096], value[256];
  long n = llistxattr(path, names, sizeof names);
  for (char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) printf("%s %s\\n", path, name);
  static const char *const marks[] = {"user.overlay.opaque", "user.overlay.origin", "user.overlay.impure",
      "user.overlay.redirect", "user.overlay.uuid", "user.fuseoverlayfs.opaque", "user.fuseoverlayfs.origin",
      "trusted.overlay.opaque", "trusted.overlay.origin", "trusted.overlay.impure"};
  for (unsigned i = 0; i < sizeof marks / sizeof *marks; i++)
    if (lgetxattr(path, marks[i], value, sizeof value) >= 0) printf("%s has %s\\n", path, marks[i]);
  return 0;
}
int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) nftw(argv[i], look, 20, FTW_PHYS);
  return 0;
}
`;

function prepare(): { from: string; look: string } {
  const work = tempDir('marks');
  writeFileSync(join(work, 'look.c'), looker);
  const look = join(work, 'look');
  expect(run('gcc', ['-static', '-O1', '-o', look, join(work, 'look.c')]).status).toBe(0);
  const from = layout([
    tar([
      ...busyboxEntries(),
      dir('d'),
      file('d/x'),
      dir('e'),
      dir('e/below'),
      file('e/below/q', 'q', { uid: 7 }),
    ]),
    tar([root, white('d/x'), file('d/y'), opaque('e'), file('e/top', 'top', { uid: 8 })]),
  ]);
  run('cp', [look, `${from}/look`]);
  run('chmod', ['-R', 'a+rX', from]);
  searchable(from);
  return { from, look: `${from}/look` };
}

const change = 'rm -r d e && mkdir d e && : >e/new';

test.for([
  ['a command', []],
  ['a container', ['--amend']],
] as const)('without root, in %s, with changes of every kind', ([, amend], context) => {
  needs(context, 'root', 'command:gcc', 'command:setpriv');
  const { from, look } = prepare();
  const own = tempDir('own');
  searchable(own);
  run('chown', ['4321:4321', own]);
  const env = { ...toolEnv(), CTR_STORE: own, HOME: own, XDG_RUNTIME_DIR: own };
  // The program comes in a layer of its own.
  run('sh', [
    '-c',
    `mkdir -p ${own}/l/bin && cp ${look} ${own}/l/bin/look && tar cf ${own}/look.tar -C ${own}/l bin`,
  ]);
  const sources = [`oci:${from}`, `${own}/look.tar`];
  const line = `cd /; cat e/top; ls e; ${change}; /bin/look /d /e /bin; echo seen`;
  const options = { env, uid: 4321, gid: 4321, timeout: 60_000 };
  const maps = [{ containerID: 0, hostID: 4321, size: 1 }];
  const spec = {
    ociVersion: '1.0.2',
    process: { args: ['/bin/sh', '-c', line], cwd: '/', user: { uid: 0, gid: 0 } },
    root: { path: 'x' },
    linux: {
      namespaces: [{ type: 'mount' }, { type: 'user' }, { type: 'pid' }],
      uidMappings: maps,
      gidMappings: maps,
    },
  };
  const ended =
    amend.length === 0
      ? runTool('ufs-mount', [...sources, '--', '/bin/sh', '-c', line], options)
      : runTool('ctr-run', ['run', '-'], {
          ...options,
          input: runTool('ufs-mount', [...sources, '--temp', '--amend'], {
            ...options,
            input: JSON.stringify(spec),
          }).stdout,
        });
  expect(ended).toMatchObject({ status: 0, stderr: '', stdout: 'toptop\nseen\n' });
});

test('with root, by each driver', (context) => {
  needs(context, 'root', 'command:gcc');
  const { from, look } = prepare();
  const env = { ...toolEnv(), CTR_STORE: tempDir('store') };
  const ufs = (...args: string[]) => runTool('ufs-mount', args, { env, timeout: 60_000 });
  for (const driver of ['overlay', 'fuse-overlayfs', 'vfs']) {
    const made = ufs(`oci:${from}`, '--temp', '--driver', driver);
    if (driver === 'fuse-overlayfs' && made.status !== 0) continue;
    const at = made.stdout.trim();
    try {
      expect(run('sh', ['-c', `cd ${at} && ls e && ${change} && ${look} .`])).toMatchObject({
        status: 0,
        stdout: 'top\n',
      });
    } finally {
      expect(ufs('--unmount', at).status).toBe(0);
    }
  }
});

test('a store that a user has filled is used by root as its own: what was hidden stays so, and owners are theirs', (context) => {
  needs(context, 'root', 'command:gcc', 'command:setpriv');
  const { from, look } = prepare();
  const own = tempDir('own');
  searchable(own);
  run('chown', ['4321:4321', own]);
  const env = { ...toolEnv(), CTR_STORE: own, HOME: own };
  const user = { env, uid: 4321, gid: 4321, timeout: 60_000 };
  const line = ['--', '/bin/sh', '-c', 'ls /e; stat -c %u /e/top'];
  const theirs = () => runTool('ufs-mount', [`oci:${from}`, ...line], user);
  expect(theirs()).toMatchObject({ status: 0, stdout: 'top\n0\n' });
  for (const driver of ['overlay', 'vfs']) {
    const { stdout } = runTool('ufs-mount', [`oci:${from}`, '--temp', '--driver', driver], { env });
    const at = stdout.trim();
    try {
      expect(run('sh', ['-c', `cd ${at} && ls e && stat -c %u e/top && ${look} .`]).stdout).toBe('top\n8\n');
    } finally {
      expect(runTool('ufs-mount', ['--unmount', at], { env }).status).toBe(0);
    }
  }
  // What either has is listed, and collected once nobody uses it.
  const { layers } = JSON.parse(runTool('ufs-mount', ['--list', '--json'], { env }).stdout);
  expect(layers.length).toBeGreaterThanOrEqual(4);
  for (const { id } of layers) expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(theirs()).toMatchObject({ status: 0, stdout: 'top\n0\n' });
  expect(runTool('ufs-mount', ['--gc'], { env }).stdout).toMatch(/^\d+ layers removed\n$/);
  expect(JSON.parse(runTool('ufs-mount', ['--list', '--json'], { env }).stdout).layers).toEqual([]);
});
