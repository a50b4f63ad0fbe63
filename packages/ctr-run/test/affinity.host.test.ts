/** A container runs on every CPU of its cpuset, whatever those of whoever makes or enters it are. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, run, skip, until } from '../../../test/support.ts';
import { searchable, testId } from './bundles.ts';
import { beside, call, commonBundle, type PeerName, whileThere } from './peers.ts';

const through = ['taskset', '0x1'];
const look = 'grep Cpus_allowed_list /proc/self/status';
const listed = (text: string): string | undefined => /^Cpus_allowed_list:\s*(.*)$/m.exec(text)?.[1];
const ofPid = (pid: number): string | undefined => listed(readFileSync(`/proc/${pid}/status`, 'utf8'));

const kinds: Record<string, (spec: Spec) => void> = {
  'without a cpuset': () => {},
  'with a cpuset': (spec) => {
    spec.linux!.resources = { ...spec.linux!.resources, cpu: { cpus: '0-1' } };
  },
  'with a user namespace': (spec) => {
    spec.linux!.namespaces!.push({ type: 'user' });
    spec.linux!.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux!.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  },
};

function bundleOf(kind: string, args: readonly string[]): string {
  const bundle = commonBundle(args, kinds[kind]!);
  searchable(bundle);
  if (kind.includes('user')) run('chown', ['-R', '100000:100000', `${bundle}/rootfs`]);
  return bundle;
}

// The versions of the peers that do so; those of Debian 12 keep the caller's since Linux 6.2.
const runtimes: readonly PeerName[] = beside({ runc: '1.3.6', crun: '1.28' });

describe.each(runtimes)('%s leaves the caller’s one CPU behind', (runtime) => {
  test.for(Object.keys(kinds))('%s', async (kind, context) => {
    needs(context, 'root', 'command:taskset');
    if (availableParallelism() < 2) skip(context, 'the machine has one processor');
    const all = kind === 'with a cpuset' ? '0-1' : ofPid(process.pid);
    const ended = call(runtime, ['run', '--bundle', bundleOf(kind, ['/bin/sh', '-c', look]), testId()], {
      through,
    });
    expect(ended).toMatchObject({ status: 0 });
    expect(listed(ended.stdout)).toBe(all);
    const bundle = bundleOf(kind, ['/bin/sleep', '1000']);
    await whileThere(
      runtime,
      ['create', '--bundle', bundle],
      async (id) => {
        expect(call(runtime, ['start', id], { through })).toMatchObject({ status: 0 });
        const { pid } = JSON.parse(call(runtime, ['state', id]).stdout) as { pid: number };
        await until('it sleeps', () => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('/bin/sleep'));
        expect(ofPid(pid)).toBe(all);
        const entered = call(runtime, ['exec', id, '/bin/sh', '-c', look], { through });
        expect(listed(entered.stdout)).toBe(all);
      },
      { through },
    );
  });
});

test('an exec whose first CPUs alone are named ends up on the container’s', async (context) => {
  needs(context, 'root', 'command:taskset');
  if (availableParallelism() < 2) skip(context, 'the machine has one processor');
  const initial = commonBundle(['/bin/sleep', '1000'], (spec) => {
    spec.process!.execCPUAffinity = { initial: '0' };
  });
  const final = commonBundle(['/bin/sleep', '1000'], (spec) => {
    spec.process!.execCPUAffinity = { initial: '0', final: '1' };
  });
  const inside = (bundle: string) =>
    whileThere('ctr-run', ['run', '--detach', '--bundle', bundle], (id) =>
      listed(call('ctr-run', ['exec', id, '/bin/sh', '-c', look], { through }).stdout),
    );
  expect(await inside(initial)).toBe(ofPid(process.pid));
  expect(await inside(final)).toBe('1');
});
