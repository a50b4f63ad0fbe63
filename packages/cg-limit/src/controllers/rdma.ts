/** rdma: the same file in both versions (cgroup-v1/rdma.rst; cgroup-v2.rst, "RDMA"). */
import { Failure, flag, parseInteger, UsageError } from '@ctr-tools/cli';
import type { Rdma } from '@ctr-tools/oci';
import { both, carrier, controller, OTHERS } from './controller.ts';
import { parted } from './device.ts';
import { limited, placeOf, readIn, rows } from './show.ts';

const U32 = 0xffff_ffffn;

const flags = [
  flag.list(
    'rdma',
    {
      valueHint: 'DEVICE:KEY=N,...',
      group: OTHERS,
      description: 'hca_handle and hca_object of an RDMA device',
      example: ['--rdma=mlx5_0:hca_handle=2'],
      shown: both('rdma mlx5_0'),
      property: both({ not: 'systemd does not know the controller' }),
    },
    (text, spelled): readonly [string, Rdma] => {
      const [device, settings] = parted(text, 'rdma', 'KEY=N,...');
      const limits: Rdma = {};
      for (const word of settings.split(',')) {
        const [, key, value] = /^(hca_handle|hca_object)=(\d+)$/.exec(word) ?? [];
        if (key === undefined)
          throw new UsageError(`${spelled} is "${text}"; the keys are hca_handle and hca_object`);
        limits[key === 'hca_handle' ? 'hcaHandles' : 'hcaObjects'] = Number(
          parseInteger(value!, spelled, 0n, U32),
        );
      }
      return [device, limits];
    },
  ),
] as const;

export const rdma = controller({
  names: ['rdma'],
  flags,
  parse: (given) => (given.rdma.length > 0 ? { rdma: Object.fromEntries(given.rdma) } : {}),
  merge(old, { rdma: added }) {
    if (!added) return {};
    const merged = { ...old.rdma };
    for (const [device, limits] of Object.entries(added)) merged[device] = { ...merged[device], ...limits };
    return { rdma: merged };
  },

  settings({ rdma: given = {} }, abilities) {
    const devices = Object.entries(given);
    if (devices.length === 0) return [];
    const version = carrier(abilities, 'rdma', 'an RDMA limit');
    return devices.map(([device, { hcaHandles, hcaObjects }]) => {
      const parts = [
        ...(hcaHandles === undefined ? [] : [`hca_handle=${hcaHandles}`]),
        ...(hcaObjects === undefined ? [] : [`hca_object=${hcaObjects}`]),
      ];
      if (parts.length === 0)
        throw new Failure(`rdma.${device}: give hcaHandles or hcaObjects; at least one is needed`);
      const says = parts.join(' ');
      const there = `there is no RDMA device ${device}`;
      return {
        controller: 'rdma',
        version,
        file: 'rdma.max',
        value: `${device} ${says}`,
        what: `the limits on ${device}`,
        says,
        hints: { EINVAL: there, ENODEV: there },
      };
    });
  },
  tables: { 'rdma.max': (device) => `${device} hca_handle=max hca_object=max` },

  /** It has a line for each device, with `max` for what is not limited. */
  others: (target) =>
    rows(readIn(placeOf(target, 'rdma'), 'rdma.max')).flatMap(([device, ...words]) => {
      const those = words.filter((word) => !word.endsWith('=max'));
      return those.length > 0 ? [limited(`rdma ${device}`, 'text', those.join(' '))] : [];
    }),
});
