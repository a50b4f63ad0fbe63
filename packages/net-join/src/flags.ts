import { COMMAND, flag, UsageError } from '@ctr-tools/cli';
import { type Port, parsePublish } from './ports.ts';

const join = 'Joining';
const others = 'What runs already (root)';
const asking = 'Asking and cleaning';
const runtimes = 'For runtimes';

/** What joins: a command, a spec, what runs, and a runtime's hook. */
const acts = [COMMAND, 'target', 'hook'];

const matching =
  (shape: RegExp, what: string) =>
  (text: string, spelled: string): string => {
    if (!shape.test(text)) throw new UsageError(`${spelled} ${text}: it is ${what}`);
    return text;
  };

export const flags = [
  flag.text('network', {
    valueHint: 'NAME|FILE',
    description:
      'the network: the name of a list in /etc/cni/net.d, a file, or default, a bridge that is made up',
    group: join,
    acts,
  }),
  flag.list(
    'publish',
    {
      alias: ['p'],
      valueHint: 'HOST:PORT',
      description:
        'a port of this machine that leads to one inside, as docker has it: [ADDRESS:][HOST:]PORT[/udp], ranges, 0 for one that is free',
      group: join,
      acts,
    },
    (text): Port[] => parsePublish(text),
  ),
  flag.list(
    'name',
    {
      valueHint: 'NAME',
      description: 'a name by which others on the network find it (in a spec: its host name too)',
      group: join,
      acts,
    },
    matching(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/, 'a host name: letters, digits, . and -'),
  ),
  flag.list(
    'dns',
    { valueHint: 'ADDRESS', description: 'ask this server for names', group: join, acts },
    matching(/^[\da-fA-F.:]+$/, 'the address of a server'),
  ),
  flag.list(
    'dns-search',
    { valueHint: 'DOMAIN', description: 'look names up in this domain', group: join, acts },
    matching(/^[\w.-]+$/, 'a domain'),
  ),
  flag.of(
    'plugin-timeout',
    { valueHint: 'SECONDS', description: 'end a plugin that takes longer (30)', group: join, acts },
    (text, spelled): number => {
      if (!/^\d+(\.\d+)?$/.test(text) || Number(text) <= 0 || Number(text) > 3600)
        throw new UsageError(`${spelled} ${text}: it is a number of seconds up to 3600`);
      return Math.ceil(Number(text) * 1000);
    },
  ),
  {
    name: 'target',
    valueHint: 'TARGET',
    act: 'changes',
    description: "give a network to what runs: a PID, a container's ID, docker:NAME or podman:NAME",
    group: others,
  },
  { name: 'leave', valueHint: 'TARGET', act: 'changes', description: 'undo that', group: others },
  {
    name: 'show',
    valueHint: '[TARGET]',
    act: 'asks',
    description:
      'addresses, routes, ports and the way of a packet to it; of this machine: bridges and who is at them',
    group: asking,
  },
  flag.yes('json', { description: 'the same as JSON', group: asking, acts: ['show'] }),
  {
    name: 'gc',
    act: 'changes',
    description: 'undo what is left of those that ended without it (their supervisor was killed)',
    group: asking,
  },
  {
    name: 'hook',
    valueHint: 'add|del',
    act: 'changes',
    description: "what an amended spec's hooks run: the container's state comes on stdin",
    group: runtimes,
  },
] as const;
