/** Services of `Type=notify` whose container is in a scope that a real systemd makes, beside runc's. */
import { existsSync } from 'node:fs';
import { describe, expect, type TestContext, test } from 'vitest';
import { needs, slower, until } from '../../../test/support.ts';
import { type Machine, systemdMachine } from '../../../test/systemd.ts';
import { testId } from './bundles.ts';
import { commonBundle } from './peers.ts';
import { needsRuntime, program, runtimes } from './runtimes.ts';

/** A container that says in a while that it is ready, and goes on; what it says of a main process is its own number. */
function speaker(): string {
  const say =
    'use Socket; socket(my $s, AF_UNIX, SOCK_DGRAM, 0); sleep 1; send($s, "READY=1\nMAINPID=1", 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET})) or die $!; sleep 300';
  return commonBundle(['/usr/bin/perl', '-e', say], (spec) => {
    spec.root!.readonly = false;
    for (const path of ['/usr', '/lib', '/lib64'])
      if (existsSync(path))
        spec.mounts!.push({ destination: path, type: 'bind', source: path, options: ['rbind', 'ro'] });
  });
}

interface Service {
  unit: string;
  /** `systemctl show` of these properties, in the order in which they are asked for. */
  shown(...properties: string[]): string[];
  state(): { pid: number; status: string };
}

/** Have systemd start `RUNTIME --systemd-cgroup WORDS` for the bundle as a service, which has begun when this returns. */
function service(context: TestContext, machine: Machine, runtime: string, words: readonly string[]): Service {
  const id = testId();
  const unit = `${id}.service`;
  const ctr = (...argv: string[]) => machine.run(runtime, ['--systemd-cgroup', ...argv], { timeout: 60_000 });
  context.onTestFinished(() => {
    ctr('delete', '--force', id);
    machine.run('systemctl', ['stop', unit]);
    machine.run('systemctl', ['reset-failed', unit]);
  });
  const properties = ['Type=notify', `TimeoutStartSec=${20 * slower}`].flatMap((one) => ['-p', one]);
  const line = [runtime, '--systemd-cgroup', ...words, '--bundle', speaker(), id];
  // Without --no-block systemd-run waits for the end of the start, which is READY=1 (systemd.service(5), Type=).
  const started = machine.run('systemd-run', ['--quiet', `--unit=${unit}`, ...properties, ...line], {
    timeout: 60_000 * slower,
  });
  const shown = (...names: string[]): string[] =>
    names.map((name) => machine.run('systemctl', ['show', '--value', '-p', name, unit]).stdout.trim());
  expect(started.status, `${started.stderr}${machine.run('systemctl', ['status', unit]).stdout}`).toBe(0);
  return { unit, shown, state: () => JSON.parse(ctr('state', id).stdout) as { pid: number; status: string } };
}

describe.for(runtimes)('%s', { timeout: 240_000 * slower }, (runtime) => {
  const here = (context: TestContext): Machine => {
    needsRuntime(context, runtime);
    needs(context, 'file:/usr/bin/perl');
    return systemdMachine(context);
  };

  test('run: the service is active once the container is ready, and ends with it', async (context) => {
    const machine = here(context);
    const { shown, state, unit } = service(context, machine, program(runtime), ['run']);
    expect(shown('ActiveState', 'SubState', 'Result')).toEqual(['active', 'running', 'success']);
    const { pid, status } = state();
    expect(status).toBe('running');
    // The one that waits stays the main process; the container is in a scope and not in the service.
    const [main] = shown('MainPID');
    const words = machine.run('cat', [`/proc/${main}/cmdline`]).stdout.split('\0');
    expect(words.slice(1, 3)).toEqual(['--systemd-cgroup', 'run']);
    expect(machine.run('cat', [`/proc/${main}/cgroup`]).stdout).toContain(`/${unit}\n`);
    expect(machine.run('cat', [`/proc/${pid}/cgroup`]).stdout).not.toContain(unit);
    machine.run('kill', ['-KILL', String(pid)]);
    await until('the service has ended', () => shown('ActiveState')[0] === 'failed', 20_000 * slower);
    expect(shown('Result', 'ExecMainStatus')).toEqual(['exit-code', '137']);
  });

  test('run --detach: the container is the main process, by its number outside', async (context) => {
    const machine = here(context);
    const { shown, state } = service(context, machine, program(runtime), ['run', '--detach']);
    const { pid } = state();
    expect(shown('ActiveState', 'SubState', 'Result', 'MainPID')).toEqual([
      'active',
      'running',
      'success',
      String(pid),
    ]);
    machine.run('kill', ['-KILL', String(pid)]);
    await until('the service has ended', () => shown('ActiveState')[0] !== 'active', 20_000 * slower);
  });
});
