/** `lo` and interfaces of the host (config-linux.md, "Network Devices"). */
import { Failure } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { type AnyStep, peer, points, slot, step, template, undo } from '@ctr-tools/plan';
import { O } from '@ctr-tools/sys/constants';
import type { Facts } from '../facts.ts';
import type { Arrangement } from './arrange.ts';

/** IFNAMSIZ, and dev_valid_name() of the kernel's net/core/dev.c. */
const validName = /^[^\s/:]{1,15}$/;

export function networkSteps(spec: Spec, arrangement: Arrangement, facts: Facts): AnyStep[] {
  const steps = netdevSteps(spec, arrangement, facts);
  const created = arrangement.create.includes('network');
  // As runc: a container's own network has its loopback up. A person says so.
  if (facts.options ? facts.options.loopback : created)
    steps.push(
      step('network', 'loopback_up', {}, 'bring up lo', {
        hints: { EPERM: 'it takes CAP_NET_ADMIN over the network namespace' },
      }),
    );
  return steps;
}

function netdevSteps(spec: Spec, arrangement: Arrangement, facts: Facts): AnyStep[] {
  const devices = Object.entries(spec.linux?.netDevices ?? {});
  if (devices.length === 0) return [];
  if (!arrangement.has('network'))
    throw new Failure(
      'linux.netDevices moves interfaces into a network namespace, and there is none of its own; add one (--new net)',
    );
  const names = devices.map(([name, device]) => device.name ?? name);
  // A name that ends in %d is a template, which the kernel fills (config-linux.md).
  const twice = names.find((name, i) => !name.endsWith('%d') && names.indexOf(name) !== i);
  if (twice) throw new Failure(`linux.netDevices gives two interfaces the name ${twice}`);
  for (const name of [...names, ...devices.map(([name]) => name)]) {
    if (!validName.test(name) || name === '.' || name === '..')
      throw new Failure(
        `linux.netDevices: "${name}" cannot be an interface's name (up to 15 characters, no space, / or :)`,
      );
  }
  const side = 'host' as const;
  const netns = slot('child.netns');
  const steps: AnyStep[] = [];
  // A namespace that is created is there from birth; one that the child joins itself is not.
  if (!arrangement.create.includes('network'))
    steps.push(
      step(
        'network',
        'notify',
        { process: peer, point: points.born },
        'say that the network namespace is joined',
      ),
      step('network', 'await', { process: peer, point: points.born }, 'wait for the network namespace', {
        side,
      }),
    );
  // Interfaces come back when a person's command ends. A container's go with its namespace:
  // the kernel gives physical ones back to the host by itself.
  const back = facts.options !== undefined;
  if (back)
    steps.push(
      step(
        'network',
        'open',
        {
          path: template`/proc/${slot('child.pid')}/ns/net`,
          flags: O.RDONLY | O.CLOEXEC,
          mode: 0,
          fd: netns,
        },
        'hold the network namespace',
        { side },
      ),
    );
  for (const [name, { name: as = name }] of devices) {
    const where = { name, pid: slot('child.pid'), as };
    const words = `move the interface ${name} into the container as ${as}`;
    const how = {
      side,
      hints: {
        ENODEV: 'there is no such interface here',
        EPERM: 'it takes CAP_NET_ADMIN here and in the container',
        EEXIST: 'the container has an interface of that name',
        EINVAL: 'this kind of interface cannot leave its network namespace',
      },
    };
    // By its index, as the command may have given it another name.
    const index = slot(`netdev.${name}`);
    const lent = undo(
      'end',
      'netdev_take_back',
      { netns, index, as: name },
      `take the interface ${name} back`,
    );
    steps.push(
      step('network', 'netdev_move', { ...where, index }, words, { ...how, ...(back && { undo: lent }) }),
    );
  }
  steps.push(
    step('network', 'notify', { process: peer, point: points.placed }, 'say that the interfaces are there', {
      side,
    }),
    step('network', 'await', { process: peer, point: points.placed }, 'wait for the interfaces'),
  );
  return steps;
}
