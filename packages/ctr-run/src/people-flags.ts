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
    value: 'DIR|host',
    help: "this directory is the root, used in place; host: this machine's own root under a throw-away layer",
    group: what,
    env: 'CTR_ROOTFS',
  },
  { name: 'image', value: 'REF', help: 'an image: oci:DIR[:TAG], or an archive', group: what },
  { name: 'temp', help: 'throw changes of the root away', group: what },
  { name: 'read-only', help: 'make the root read-only', group: what },
  {
    name: 'id',
    alias: ['name'],
    value: 'ID',
    help: "the container's ID (made up if not given)",
    group: what,
  },
  { name: 'tty', alias: ['t'], help: 'give it a terminal', group: inside },
  {
    name: 'interactive',
    alias: ['i'],
    help: 'accepted for docker; stdin is always passed on',
    group: inside,
  },
  {
    name: 'env',
    alias: ['e'],
    value: 'NAME[=VALUE]',
    many: true,
    help: "set a variable, or pass on one's own",
    group: inside,
  },
  { name: 'workdir', alias: ['w'], value: 'DIR', help: 'working directory', group: inside },
  {
    name: 'user',
    alias: ['u'],
    value: 'USER[:GROUP]',
    help: 'run as this user, by number or by its name inside',
    group: inside,
  },
  { name: 'hostname', alias: ['h'], value: 'NAME', help: 'host name (default: the ID)', group: inside },
  {
    name: 'volume',
    alias: ['v'],
    value: 'SRC:DST[:OPTIONS]',
    many: true,
    help: 'bind a file or directory',
    group: inside,
  },
  {
    name: 'share',
    value: 'KIND,...',
    help: 'share these namespaces with the host (net, ipc, …)',
    group: inside,
  },
  { name: 'memory', alias: ['m'], value: 'SIZE', help: 'memory limit', group: limits },
  { name: 'cpus', value: 'N', help: 'CPU time, in CPUs', group: limits },
  { name: 'pids-limit', value: 'N', help: 'number of processes', group: limits },
  { name: 'cap-add', value: 'CAP', many: true, help: "add to Docker's default fourteen", group: security },
  { name: 'cap-drop', value: 'CAP', many: true, help: 'take from them (all: every one)', group: security },
  { name: 'seccomp', value: 'PROFILE', help: 'seccomp profile: default, none, or a file', group: security },
  { name: 'apparmor', value: 'PROFILE', help: 'AppArmor profile', group: security },
  ...dockerFlags,
];

/** Whether a person says, by a flag or a command, what is to be in a spec. */
export function isPeoples({ flags, command }: Parsed): boolean {
  return (command !== undefined && command[0] !== '-') || peopleFlags.some(({ name }) => flags.has(name));
}
