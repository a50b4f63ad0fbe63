import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { needs, skip, toolPath } from '../../../test/support.ts';

const tool = toolPath('aa-confine');
const run = (...argv: string[]) => spawnSync(tool, argv, { encoding: 'utf8' });

const parameter = '/sys/module/apparmor/parameters/enabled';
const enabled = existsSync(parameter) && readFileSync(parameter, 'utf8').trim() === 'Y';

describe('on a kernel without AppArmor', () => {
  beforeEach((context) => {
    if (enabled) skip(context, 'the kernel has AppArmor');
  });

  it.each([['--profile', 'default', '--', 'true'], ['--load'], ['--list'], ['--unload']])(
    '%s %s is refused with a clear word',
    (...argv) => {
      const { status, stderr } = run(...argv.filter(Boolean));
      expect([status, stderr]).toEqual([
        125,
        expect.stringContaining('AppArmor is not enabled in this kernel'),
      ]);
    },
  );

  it('unconfined is no wish, and asking is none either', () => {
    expect(run('--profile', 'unconfined', '--', 'echo', 'ran').stdout).toBe('ran\n');
    expect(run('--show').stdout).toContain('apparmor  not enabled in this kernel');
  });

  it('a spec can be amended for another machine', () => {
    const { status, stdout } = spawnSync(tool, ['--profile', 'default'], {
      encoding: 'utf8',
      input: '{"ociVersion":"1.0.2"}',
    });
    expect([status, JSON.parse(stdout)]).toEqual([
      0,
      { ociVersion: '1.0.2', process: { cwd: '/', apparmorProfile: 'ctr-default' } },
    ]);
  });
});

it('the default profile is what apparmor_parser takes', (context) => {
  needs(context, 'command:apparmor_parser');
  const { stdout } = run('--render');
  const compiled = spawnSync(
    'apparmor_parser',
    ['--skip-kernel-load', '--skip-cache', '--quiet', '--stdout'],
    { input: stdout },
  );
  expect([compiled.status, compiled.stdout.length > 1000]).toEqual([0, true]);
});
