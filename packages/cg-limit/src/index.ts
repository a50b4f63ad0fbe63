import { argsOf, defineTool } from '@ctr-tools/cli';
import { anyDoes } from '@ctr-tools/plan';
import { amend } from './amend.ts';
import type { Facts } from './facts.ts';
import { flags } from './flags.ts';
import { gather } from './gather.ts';
import { type Options, options } from './options.ts';
import { mustStay, steps } from './steps.ts';

export type { CgroupRecord } from './groups.ts';
export { cgroupRecord } from './groups.ts';
export { limitsHit } from './hits.ts';
export { enter } from './steps.ts';
export type { Facts, Options };

export const cgLimit = defineTool<Options, Facts>({
  meta: {
    name: 'cg-limit',
    description: 'run a command in a control group with limits, or show and change the limits of what runs',
  },
  usage: [
    '[LIMITS] [--] COMMAND [ARG...]',
    '[LIMITS] < config.json > config.json',
    '--show[=TARGET] | --update TARGET... LIMITS | --kill TARGET...',
  ],
  args: argsOf(flags),
  command: 'first-operand',
  notes: [
    'A TARGET is a PID ($! of a launcher stands for its command), the path of a group, a slice, or a container: its ID, docker:NAME or podman:NAME.',
    'The group is made before the command and removed after it. It goes below the group of the caller (CTR_CGROUP, where an outer cg-limit made one; on cgroup v2 otherwise beside it), or where --cgroup says. Where systemd runs, it makes the group, as a scope; in a service or scope that is delegated (Delegate=yes) it goes below that.',
    'A process that outlives the command keeps the group: it is left alone, and so is the group.',
    'When a command ended because of a limit, the last line on stderr says which, how often, and what the peak was.',
    'A limit that this machine cannot hold (a controller that is missing, or a setting that its cgroup version does not have) is an error.',
    'Variables: CTR_CGROUP names the group below which new ones are made and which --join enters; the command finds its own group in it.',
  ],
  examples: [
    ['cg-limit --memory 64M -- make', 'make, with 64 MiB of memory'],
    ['cg-limit --cpus 50% --pids-limit 20 -- ./server', 'half a CPU and twenty processes'],
    ['cg-limit --device-write-bps /dev/vda:10MB/s -- dd if=/dev/zero of=big oflag=direct', 'a slow disk'],
    ['cg-limit --nofile 4096 --core 0 --nice 5 -- ./server', 'limits of the process itself, without a group'],
    ['cg-limit --timeout 60 -- make', 'nothing of it is left after a minute'],
    ['ctr-run spec -- sh | cg-limit --memory 64M | ctr-run run -', 'amend a spec'],
    ['cg-limit --show=web', 'limits and use of the container web'],
    ['cg-limit --update 4711 --memory 128M', 'change the limits of the group of a process'],
    ['cg-limit --move 4711 --cpus 50%', 'limit a process that runs, until it ends or Ctrl-C'],
  ],
  options,
  gather,
  amend: (spec, given) => amend(spec, given),
  steps,
  // A group that systemd makes is there only once it was asked.
  decidesAfter: (earlier) => !anyDoes(earlier, 'asks'),
  stays: (_spec, facts) => mustStay(facts),
  answer: async (...question) => (await import('./systemd/answer.ts')).answer(...question),
  act: async (name, given, parsed, host) => {
    const { act } = await import('./act/index.ts');
    return act(name, given, parsed, host);
  },
});
