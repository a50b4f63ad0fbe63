/** In a service of a real systemd the command stays in what is the service's, or one line says that it leaves. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, type TestContext, test } from 'vitest';
import { skip, until } from '../../../test/support.ts';
import { type Machine, systemdMachine } from '../../../test/systemd.ts';

const unit = `ctr-service-${process.pid}`;
// On the machine of the tests only v2 is mounted, but the kernel tells of every hierarchy.
const look = 'sed -n s/^0:://p /proc/self/cgroup; echo $CTR_CGROUP';

/** Run the words as a service to its end. */
function service(machine: Machine, properties: readonly string[], ...words: readonly string[]) {
  const given = properties.flatMap((property) => ['-p', property]);
  return machine.run(
    'systemd-run',
    ['--quiet', '--collect', '--pipe', '--wait', `--unit=${unit}`, '-E', 'PATH', ...given, ...words],
    { timeout: 60_000 },
  );
}

describe('cg-limit as a service', () => {
  /** A unit's delegation is an attribute of its group of v2 (systemd.resource-control(5), Delegate=). */
  const onV2 = (context: TestContext): Machine => {
    const machine = systemdMachine(context);
    if (!existsSync(machine.path('/sys/fs/cgroup/cgroup.controllers')))
      skip(context, 'the controllers are those of cgroup v1');
    return machine;
  };

  test('that is delegated makes its group below the service, by itself and by files', (context) => {
    const machine = onV2(context);
    for (const manager of [[], ['--manager', 'files']]) {
      const ended = service(machine, ['Delegate=yes'], 'cg-limit', ...manager, '--', 'sh', '-c', look);
      expect(ended).toMatchObject({ status: 0, stderr: '' });
      expect(ended.stdout).toMatch(new RegExp(`^(/system.slice/${unit}.service/ctr-limit-\\d+)\n\\1\n$`));
    }
  });

  test('that is delegated has controllers for its command, and the service still holds it', (context) => {
    const machine = onV2(context);
    const has = readFileSync(machine.path('/sys/fs/cgroup/cgroup.controllers'), 'utf8').includes('hugetlb');
    const limit = has ? ['--hugetlb', '2MB:4M'] : ['--pids-limit', '9'];
    const chain = ['cg-limit', ...limit, '--', 'ns-enter', '--new', 'uts', '--', 'cg-limit', '--'];
    const lines = 'sed -n s/^0:://p /proc/self/cgroup /proc/$PPID/cgroup';
    const ended = service(machine, ['Delegate=yes'], ...chain, 'sh', '-c', lines);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    const own = `/system.slice/${unit}.service/`;
    expect(ended.stdout.split('\n').filter((line) => !line.startsWith(own))).toEqual(['']);
  });

  test('that is not says that the command leaves it, and where to', (context) => {
    const machine = systemdMachine(context);
    const scope = service(machine, [], 'cg-limit', '--', 'sh', '-c', look);
    expect(scope).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\/system.slice\/ctr-limit-\d+\.scope\n/),
      stderr: `cg-limit: the command leaves ${unit}.service for a scope of its own, where the limits of the service do not hold; with Delegate=yes in the unit it stays below\n`,
    });
    const files = service(machine, [], 'cg-limit', '--manager', 'files', '--', 'sh', '-c', look);
    expect(files).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\/system.slice\/ctr-limit-\d+\n/),
      stderr: `cg-limit: the command leaves ${unit}.service for a group beside it, where the limits of the service do not hold and its stop ends nothing; with Delegate=yes in the unit it stays below\n`,
    });
    // Who names the place is told nothing.
    const named = service(machine, [], 'cg-limit', '--cgroup', `/${unit}`, '--', 'sh', '-c', look);
    expect(named).toMatchObject({ status: 0, stderr: '', stdout: `/${unit}\n/${unit}\n` });
  });

  test.for(['yes', 'no'])(
    'whose stop ends what the command left (Delegate=%s)',
    async (delegate, context) => {
      const machine = systemdMachine(context);
      const line = 'setsid sleep 7654 & sleep 7654';
      const begun = machine.run('systemd-run', [
        ...['--quiet', '--collect', `--unit=${unit}`, '-E', 'PATH', '-p', `Delegate=${delegate}`],
        ...['cg-limit', '--', 'sh', '-c', line],
      ]);
      expect(begun).toMatchObject({ status: 0, stderr: '' });
      const running = (): number => Number(machine.run('pgrep', ['-fc', '^sleep 7654$']).stdout);
      await until('both run', () => running() === 2, 30_000);
      expect(machine.run('systemctl', ['stop', `${unit}.service`])).toMatchObject({ status: 0 });
      await until('both have ended', () => running() === 0, 30_000);
      const slice = machine.path('/sys/fs/cgroup/system.slice');
      const left = existsSync(slice) ? readdirSync(slice).filter((name) => name.includes('ctr-limit')) : [];
      expect(left).toEqual([]);
    },
  );
});
