/** `ctr-run plan --why`, `--diff` and `--timings`, as a person asks them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, runTool, tempDir } from '../../../../test/support.ts';
import { makeBundle, testId } from '../bundles.ts';

/** A bundle whose config.json has a member a line. */
function written(change: (spec: Spec) => void = () => {}): string {
  const bundle = makeBundle(['/bin/true'], change);
  const path = `${bundle}/config.json`;
  writeFileSync(path, JSON.stringify(JSON.parse(readFileSync(path, 'utf8')), null, 2));
  return bundle;
}
const plan = (...words: string[]) => runTool('ctr-run', ['plan', ...words]);

describe('--why', () => {
  const bundle = written((spec) => {
    spec.hostname = 'box';
    spec.process!.oomScoreAdj = 17;
  });
  const lines = readFileSync(`${bundle}/config.json`, 'utf8').split('\n');
  const steps = plan('--bundle', bundle, 'c1').stdout.split('\n');
  const numberOf = (word: string): string => String(steps.findIndex((step) => step.includes(word)));

  test.for([
    ['hostname name=box', 'hostname', 'config.md#hostname'],
    ['target=/proc type=proc', 'mounts[0]', 'config.md#mounts'],
    ['resource=RLIMIT_NOFILE', 'process.rlimits[0]', 'config.md#posix-process'],
    ['capset effective=', 'process.capabilities', 'config.md#linux-process'],
    ['path=/proc/acpi', 'linux.maskedPaths[0]', 'config-linux.md#masked-paths'],
    ['clone process=1', 'linux.namespaces', 'config-linux.md#namespaces'],
    ['data=17', 'process.oomScoreAdj', 'config.md#linux-process'],
  ] as const)('%s', ([word, member, clause], context) => {
    needs(context, 'root');
    const { status, stdout } = plan('--why', numberOf(word), '--bundle', bundle, 'c1');
    expect(status).toBe(0);
    const [, line, named] = /^config\.json:(\d+): ([\w.[\]]+): /m.exec(stdout)!;
    expect(named).toBe(member);
    const name = member
      .replace(/\[0\]$/, '')
      .split('.')
      .at(-1)!;
    const at = lines.findIndex((text) => text.includes(`"${name}"`)) + 1;
    expect(Number(line)).toBe(member.endsWith(']') ? at + 1 : at);
    expect(stdout).toContain(`/runtime-spec/blob/v1.3.0/${clause}\n`);
  });

  test.for([
    ['path=/dev/null', 'config-linux.md#default-devices'],
    ['path=/dev/stdin', 'runtime-linux.md#dev-symbolic-links'],
  ] as const)('%s stands in no spec', ([word, clause], context) => {
    needs(context, 'root');
    const { status, stdout } = plan('--why', numberOf(word), '--bundle', bundle, 'c1');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^No member of the spec/m);
    expect(stdout).toContain(clause);
  });

  test('a spec of flags has no lines, and a number that is none says which there are', (context) => {
    needs(context, 'root');
    const words = ['--rootfs', `${bundle}/rootfs`, '--hostname', 'fox', '--', '/bin/true'];
    const at = plan(...words)
      .stdout.split('\n')
      .findIndex((step) => step.includes('hostname name=fox'));
    expect(plan('--why', String(at), ...words).stdout).toMatch(/^hostname: "fox"$/m);
    expect(plan('--why', 'x', ...words)).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/--why is "x"; it is the number of a step, 0 to \d+/),
    });
  });
});

describe('--diff', () => {
  test('what differs, and nothing of names and places', (context) => {
    needs(context, 'root');
    const a = written();
    const b = written((spec) => {
      spec.process!.oomScoreAdj = 17;
      spec.mounts!.push({ destination: '/x', type: 'tmpfs', source: 'tmpfs' });
    });
    const { status, stdout } = plan('--diff', a, `${b}/config.json`);
    expect(status).toBe(1);
    const told = stdout.trimEnd().split('\n');
    expect(told.filter((line) => !line.startsWith('+ '))).toEqual([]);
    // The launcher's own value is put back after the command's is set.
    expect(told.map((line) => / (\S+=17|target=\/x)\b/.exec(line)?.[1]).filter(Boolean)).toEqual([
      'data=17',
      'target=/x',
    ]);
    expect(told.length).toBeLessThan(5);
    expect(plan('--diff', a, written())).toMatchObject({
      status: 0,
      stdout: 'no difference in what the kernel would be asked to do\n',
    });
    expect(plan('--diff', a)).toMatchObject({ status: 125, stderr: expect.stringContaining('--diff A B') });
    expect(plan('--diff', a, '/no/such').stderr).toMatch(/read \/no\/such: .*no such file/i);
  });

  test('of two filters of the same length', (context) => {
    needs(context, 'root');
    const filtered = (errno: number) =>
      written((spec) => {
        spec.linux!.seccomp = {
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [{ names: ['chroot'], action: 'SCMP_ACT_ERRNO', errnoRet: errno }],
        };
      });
    const { status, stdout } = plan('--diff', filtered(1), filtered(2));
    expect(status).toBe(1);
    expect(stdout).toMatch(/^- .*seccomp .*\[other bytes\]$/m);
  });
});

test('--timings shows where the time of a run went, as text and as a picture', (context) => {
  needs(context, 'root');
  const directory = tempDir('timings');
  const log = `${directory}/log`;
  const hook = { path: '/bin/sh', args: ['sh', '-c', 'sleep 0.5'] };
  const bundle = written((spec) => (spec.hooks = { createRuntime: [hook] }));
  const ran = runTool('ctr-run', ['--debug', '--log', log, 'run', '--bundle', bundle, testId()]);
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  const { status, stdout } = plan('--timings', log);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^START {2}[\d.]+ ms, \d+ steps until the command ran\n/);
  expect(stdout).toMatch(/^ +[\d.]+ {2} *(?:[5-9]\d\d|\d{4,})\.\d {2}host +█+ .*helper/m);
  expect(stdout).toMatch(/^END /m);
  expect(plan('--timings', log, '--svg', `${directory}/run.svg`)).toMatchObject({ status: 0, stdout: '' });
  expect(readFileSync(`${directory}/run.svg`, 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);
  expect(plan('--svg', `${directory}/other.svg`, '--bundle', bundle, 'c1')).toMatchObject({ status: 125 });
  expect(existsSync(`${directory}/other.svg`)).toBe(false);
  expect(plan('--timings', `${bundle}/config.json`).stderr).toContain('ctr-run --debug --log');
});
