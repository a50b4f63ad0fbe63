/** Without root: nothing that was not asked for is missed, what was asked for is an error or delegated. */
import { chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type Ended, needs, run, runTool, skip, toolPath } from '../../../test/support.ts';
import { hierarchiesOf } from '../src/layout.ts';

const nobody = { uid: 65534, gid: 65534 };
const hierarchies = hierarchiesOf();
const v2 = hierarchies.find((h) => h.version === 2)?.mountPoint ?? '/sys/fs/cgroup';
const name = `ctr-test-delegated-${process.pid}`;

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
      /Permission denied; it is not ours to write; run as root; nothing was changed\n$/,
    );
  } finally {
    expect(runTool('cg-limit', ['--remove', path])).toMatchObject({ status: 0, stderr: '' });
  }
});

/** A limit as whoever has the group `delegated` of a hierarchy runs into it: what the command sees. */
function limitedBelow(delegated: string, args: readonly string[], look: string): Ended {
  for (const path of [delegated, `${delegated}/session`]) {
    mkdirSync(path);
    // cgroups(7), "Delegating a hierarchy"; v1 has no cgroup.subtree_control, and tasks in place of cgroup.threads.
    for (const file of ['', '/cgroup.procs', '/cgroup.subtree_control', '/cgroup.threads', '/tasks'])
      if (existsSync(path + file)) chownSync(path + file, nobody.uid, nobody.gid);
  }
  const line = `echo $$ > ${delegated}/session/cgroup.procs && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"`;
  const command = [toolPath('cg-limit'), ...args, '--cgroup', 'job', '--', 'sh', '-c', look];
  return run('sh', ['-c', line, 'sh', ...command]);
}

describe('a group that was delegated', () => {
  const made: string[] = [];
  afterEach(() => {
    for (const top of made.splice(0))
      for (const path of [`${top}/session`, top]) if (existsSync(path)) rmdirSync(path);
  });
  /** A name for it in this hierarchy; the group goes when the test ends. */
  const groupIn = (mountPoint: string): string => {
    const top = join(mountPoint, name);
    made.push(top);
    return top;
  };

  test('is where groups with limits are made', (context) => {
    needs(context, 'root', 'file:/sys/kernel/mm/hugepages/hugepages-2048kB');
    const v1 = hierarchies.find((h) => h.controllers.includes('hugetlb'))?.mountPoint;
    if (v1 === undefined && !readFileSync(`${v2}/cgroup.controllers`, 'utf8').split(/\s/).includes('hugetlb'))
      skip(context, 'the kernel has no hugetlb controller');
    if (v1 === undefined) writeFileSync(`${v2}/cgroup.subtree_control`, '+hugetlb');
    const top = groupIn(v1 ?? v2);
    // On v2 a group with processes has no controlled groups below it, so there it is beside.
    const [job, file, line] = v1
      ? [`${top}/session/job`, 'hugetlb.2MB.limit_in_bytes', `:hugetlb:/${name}/session/job`]
      : [`${top}/job`, 'hugetlb.2MB.max', `:/${name}/job`];
    const look = `cat ${job}/${file}; grep -o -e ':hugetlb:.*' -e '^0::.*' /proc/self/cgroup`;
    const ended = limitedBelow(top, ['--hugetlb', '2MB:4M'], look);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^4194304\n/);
    expect(ended.stdout).toContain(`${line}\n`);
    expect(existsSync(job)).toBe(false);
  });

  test('needs no controller of v2’s', (context) => {
    needs(context, 'root', `file:${v2}/cgroup.max.depth`);
    const top = groupIn(v2);
    const look = `cat ${top}/job/cgroup.max.depth; grep 0:: /proc/self/cgroup`;
    expect(limitedBelow(top, ['--set', 'cgroup.max.depth=3'], look)).toMatchObject({
      status: 0,
      stdout: `3\n0::/${name}/job\n`,
      stderr: '',
    });
    expect(existsSync(`${top}/job`)).toBe(false);
  });
});
