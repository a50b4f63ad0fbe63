/** Without root: nothing that was not asked for is missed, what was asked for is an error or delegated. */
import { chownSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { needs, run, runTool, toolPath } from '../../../test/support.ts';
import { hierarchiesOf } from '../src/layout.ts';

const nobody = { uid: 65534, gid: 65534 };
const mount = hierarchiesOf().find((h) => h.version === 2)?.mountPoint ?? '/sys/fs/cgroup';
const name = `ctr-test-delegated-${process.pid}`;
const top = join(mount, name);

test('a command without limits runs as it is', (context) => {
  needs(context, 'root');
  expect(runTool('cg-limit', ['--', 'echo', 'here'], nobody)).toMatchObject({
    status: 0,
    stdout: 'here\n',
    stderr: '',
  });
});

test('a limit that cannot be set is an error that says what to do', (context) => {
  needs(context, 'root');
  const ended = runTool('cg-limit', ['--pids-limit', '5', '--', 'true'], nobody);
  expect(ended.status).toBe(125);
  expect(ended.stderr).toMatch(
    /^cg-limit: set the limit on processes: .* cannot be made by this user; run as root, or have a group delegated/,
  );
});

test('changing what is not ours is refused, and nothing is changed', (context) => {
  needs(context, 'root', 'cgroup-v1');
  const path = `/ctr-test-others-${process.pid}`;
  expect(runTool('cg-limit', ['--keep', '--cgroup', path, '--pids-limit', '9', '--', 'true']).status).toBe(0);
  try {
    const ended = runTool('cg-limit', ['--update', path, '--pids-limit', '5'], nobody);
    expect(ended.stderr).toMatch(
      /permission denied; it is not ours to write; run as root; nothing was changed\n$/,
    );
  } finally {
    expect(runTool('cg-limit', ['--remove', path])).toMatchObject({ status: 0, stderr: '' });
  }
});

describe('a group that was delegated', () => {
  afterAll(() => {
    for (const path of [`${top}/session`, top]) if (existsSync(path)) rmdirSync(path);
  });
  test('is where groups with limits are made', (context) => {
    needs(context, 'root', 'file:/sys/kernel/mm/hugepages/hugepages-2048kB');
    writeFileSync(`${mount}/cgroup.subtree_control`, '+hugetlb');
    for (const path of [top, `${top}/session`]) {
      mkdirSync(path);
      // cgroups(7), "Delegating a hierarchy"
      for (const file of ['', '/cgroup.procs', '/cgroup.subtree_control', '/cgroup.threads'])
        chownSync(path + file, nobody.uid, nobody.gid);
    }
    const line = `echo $$ > ${top}/session/cgroup.procs && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"`;
    const ended = run('sh', [
      '-c',
      line,
      'sh',
      toolPath('cg-limit'),
      '--hugetlb',
      '2MB:4M',
      '--cgroup',
      'job',
      '--',
      'sh',
      '-c',
      `cat ${top}/job/hugetlb.2MB.max; grep 0:: /proc/self/cgroup`,
    ]);
    expect(ended).toMatchObject({ status: 0, stdout: `4194304\n0::/${name}/job\n`, stderr: '' });
    expect(existsSync(`${top}/job`)).toBe(false);
  });
});
