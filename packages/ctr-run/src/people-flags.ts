import type { Flag, Parsed } from '@ctr-tools/cli';
import { dockerFlags } from './docker/flags.ts';

const what = 'What to run';
const inside = 'Inside';
const limits = 'Limits';
const security = 'Security';

/**
 * The habits of `docker run` where they make sense. Each is handed to the tool whose
 * section of the spec it is (`people.ts`); for all that a tool can say, pipe the spec
 * through it.
 */
export const peopleFlags: readonly Flag[] = [
  {
    name: 'rootfs',
    valueHint: 'DIR|host',
    description:
      "this directory is the root, used in place; host: this machine's own root under a throw-away layer",
    group: what,
    env: 'CTR_ROOTFS',
  },
  {
    name: 'image',
    valueHint: 'REF',
    description: 'an image: oci:DIR[:TAG], an archive, or a name of a registry (docker.io/library/alpine:3)',
    group: what,
  },
  { name: 'temp', description: 'throw changes of the root away', group: what },
  { name: 'read-only', description: 'make the root read-only', group: what },
  {
    name: 'id',
    alias: ['name'],
    valueHint: 'ID',
    description: "the container's ID (made up if not given)",
    group: what,
  },
  { name: 'tty', alias: ['t'], description: 'give it a terminal', group: inside },
  {
    name: 'interactive',
    alias: ['i'],
    description: 'accepted for docker; stdin is always passed on',
    group: inside,
  },
  {
    name: 'env',
    alias: ['e'],
    valueHint: 'NAME[=VALUE]',
    many: true,
    description: "set a variable, or pass on one's own",
    group: inside,
  },
  { name: 'workdir', alias: ['w'], valueHint: 'DIR', description: 'working directory', group: inside },
  {
    name: 'user',
    alias: ['u'],
    valueHint: 'USER[:GROUP]',
    description: 'run as this user, by number or by its name inside',
    group: inside,
  },
  {
    name: 'hostname',
    alias: ['h'],
    valueHint: 'NAME',
    description: 'host name (default: the ID)',
    group: inside,
  },
  {
    name: 'volume',
    alias: ['v'],
    valueHint: 'SRC:DST[:OPTIONS]',
    many: true,
    description: 'bind a file or directory',
    group: inside,
  },
  {
    name: 'share',
    valueHint: 'KIND,...',
    description: 'share these namespaces with the host (net, ipc, …)',
    group: inside,
  },
  { name: 'memory', alias: ['m'], valueHint: 'SIZE', description: 'memory limit', group: limits },
  { name: 'cpus', valueHint: 'N', description: 'CPU time, in CPUs', group: limits },
  { name: 'pids-limit', valueHint: 'N', description: 'number of processes', group: limits },
  {
    name: 'cap-add',
    valueHint: 'CAP',
    many: true,
    description: "add to Docker's default fourteen",
    group: security,
  },
  {
    name: 'cap-drop',
    valueHint: 'CAP',
    many: true,
    description: 'take from them (all: every one)',
    group: security,
  },
  {
    name: 'seccomp',
    valueHint: 'PROFILE',
    description: 'seccomp profile: default, none, or a file',
    group: security,
  },
  { name: 'apparmor', valueHint: 'PROFILE', description: 'AppArmor profile', group: security },
  ...dockerFlags,
];

/** Whether a person says, by a flag or a command, what is to be in a spec. */
export function isPeoples({ flags, command }: Parsed): boolean {
  return (command !== undefined && command[0] !== '-') || peopleFlags.some(({ name }) => flags.has(name));
}
