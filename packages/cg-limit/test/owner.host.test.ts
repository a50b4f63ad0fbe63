/** A group for somebody else: the owner makes groups in it and moves processes there, and cannot lift its limits. */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needs, run, runTool } from '../../../test/support.ts';

const UID = 61_234;
const path = `/ctr-test-owner-${process.pid}`;

/** Where the group of a controller is. */
function directoryOf(controller: string): string {
  const { paths } = JSON.parse(runTool('cg-limit', ['--show', path, '--json']).stdout) as {
    paths: Record<string, string>;
  };
  const own = Object.keys(paths).find((names) => names.split(',').includes(controller));
  return paths[own ?? 'unified']!;
}

test('--owner gives the group away, less its limits', (context) => {
  needs(context, 'root', 'command:setpriv');
  const asOwner = (script: string) =>
    run('setpriv', [`--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', 'sh', '-c', script]);
  const make = (...flags: string[]) =>
    runTool('cg-limit', [
      '--manager',
      'files',
      '--keep',
      '--cgroup',
      path,
      '--pids-limit',
      '9',
      ...flags,
      '--',
      'true',
    ]);
  for (const owner of [undefined, String(UID), `${UID}:0`]) {
    expect(make(...(owner === undefined ? [] : ['--owner', owner]))).toMatchObject({ status: 0, stderr: '' });
    try {
      const group = directoryOf('pids');
      const made = asOwner(`mkdir ${group}/below && rmdir ${group}/below`);
      expect([owner, made.status]).toEqual([owner, owner === undefined ? 1 : 0]);
      // The limit is not the owner's, whoever has the group.
      expect(asOwner(`echo 99 > ${group}/pids.max`).status).not.toBe(0);
      expect(readFileSync(join(group, 'pids.max'), 'utf8')).toBe('9\n');
      if (owner === undefined) continue;
      expect(statSync(group).uid).toBe(UID);
      expect(statSync(group).gid).toBe(owner.endsWith(':0') ? 0 : UID);
      expect(statSync(join(group, 'cgroup.procs')).uid).toBe(UID);
      expect(statSync(join(group, 'pids.max')).uid).toBe(0);
    } finally {
      expect(runTool('cg-limit', ['--remove', path])).toMatchObject({ status: 0 });
    }
  }
  expect(() => execFileSync('ls', ['-d', `/sys/fs/cgroup/pids${path}`], { stdio: 'pipe' })).toThrow();
});

test('what it cannot be is refused by name', (context) => {
  needs(context, 'root');
  for (const [flags, says] of [
    [['--owner', 'me'], '--owner is "me"'],
    [['--owner', '1:2:3'], '--owner is "1:2:3"'],
    [['--owner', '5', '--join', '--cgroup', '/x'], '--join makes none'],
    [['--owner', '5', '--show'], '--owner says how a command is run'],
  ] as const) {
    const command = flags.some((flag) => flag === '--show') ? [] : ['--', 'true'];
    expect(runTool('cg-limit', [...flags, ...command])).toMatchObject({
      status: 125,
      stderr: expect.stringContaining(says),
    });
  }
});
