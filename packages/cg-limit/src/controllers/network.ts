/** net_cls and net_prio of cgroup-v1 (net_cls.rst, net_prio.rst); v2 matches packets by group in nftables or BPF instead. */
import { Failure, flag, parseInteger } from '@ctr-tools/cli';
import type { Setting } from '../setting.ts';
import { byKey, controller, OTHERS, section } from './controller.ts';
import { parted } from './device.ts';
import { limited, placeOf, readIn, rows } from './show.ts';

const group = OTHERS;
const U32 = 0xffff_ffffn;
const unknown = { 1: { not: 'systemd does not know the controller' } };

const flags = [
  flag.count('net-cls', 1n, U32, {
    group,
    description: 'class of its network packets, as 0x100001 (v1)',
    example: ['--net-cls=0x10'],
    shown: { 1: 'net class' },
    property: unknown,
  }),
  flag.list(
    'net-prio',
    {
      valueHint: 'INTERFACE:N',
      group,
      description: 'priority of its packets on an interface of the initial network namespace (v1)',
      example: ['--net-prio=lo:5'],
      shown: { 1: 'net priority lo' },
      property: unknown,
    },
    (text, spelled) => {
      const [name, priority] = parted(text, 'net-prio', 'N', 'INTERFACE');
      return { name, priority: Number(parseInteger(priority, spelled, 0n, U32)) };
    },
  ),
] as const;

export const network = controller({
  names: ['net_cls', 'net_prio'],
  flags,
  parse: ({ 'net-cls': classID, 'net-prio': priorities }) =>
    section('network', { classID, priorities: priorities.length > 0 ? priorities : undefined }),
  merge(old, { network: added }) {
    if (!added) return {};
    const merged = { ...old.network, ...added };
    if (added.priorities) merged.priorities = byKey(old.network?.priorities, added.priorities, (p) => p.name);
    return { network: merged };
  },

  settings({ network: { classID, priorities = [] } = {} }, { carriers }) {
    const need = (name: string, what: string): void => {
      if (carriers[name] !== 1)
        throw new Failure(
          `${what} needs the ${name} controller of cgroup v1, which is not mounted here; cgroup v2 has none (match the group in nftables: socket cgroupv2)`,
        );
    };
    const settings: Setting[] = [];
    if (classID) {
      need('net_cls', 'network.classID');
      settings.push({
        controller: 'net_cls',
        version: 1,
        file: 'net_cls.classid',
        value: String(classID),
        what: 'the network class',
        says: `0x${classID.toString(16)}`,
      });
    }
    for (const { name, priority } of priorities) {
      need('net_prio', 'network.priorities');
      settings.push({
        controller: 'net_prio',
        version: 1,
        file: 'net_prio.ifpriomap',
        value: `${name} ${priority}`,
        what: `the priority on ${name}`,
        says: String(priority),
        // Looked up in init_net, whoever writes it (write_priomap in net/core/netprio_cgroup.c).
        hints: {
          ENODEV: `there is no interface ${name} in the initial network namespace, the only one that net_prio knows`,
        },
      });
    }
    return settings;
  },
  tables: { 'net_prio.ifpriomap': (name) => `${name} 0` },

  others(target) {
    const id = Number(readIn(placeOf(target, 'net_cls'), 'net_cls.classid') ?? 0);
    const priorities = rows(readIn(placeOf(target, 'net_prio'), 'net_prio.ifpriomap'));
    return [
      ...(id ? [limited('net class', 'text', `0x${id.toString(16)}`)] : []),
      ...priorities.flatMap(([name, priority]) =>
        priority && priority !== '0' ? [limited(`net priority ${name}`, 'count', Number(priority))] : [],
      ),
    ];
  },
});
