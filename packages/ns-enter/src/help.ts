/** What the help says beside the flags. */

export const usage = [
  '--target PID [--mount] [--net] [...] [--] COMMAND [ARG...]',
  '--new KIND,... [FLAGS] [--] COMMAND [ARG...]',
  '--new KIND,... [FLAGS] < config.json > config.json',
  "--show [PID | 'KIND:[INODE]']",
];

export const examples = [
  ['ns-enter --target 4711 --mount --uts --ipc --net --pid /bin/sh', 'a shell inside a running container'],
  ['ns-enter --target web --all -- ps', 'the same for a container of ctr-run by its ID'],
  ['ns-enter --new mount,pid --root="$root" -- sh', 'a shell in a root file system with its own processes'],
  ['ns-enter --new net --loopback --map-root-user -- ./test', 'a private network for a test, without root'],
  [
    'ns-enter --new net --pin /run/lab -- ip link',
    'a network that stays, to be joined with --target /run/lab --net',
  ],
  ['ns-enter --new net=blue -- ip link set lo up', 'make what ip netns calls blue'],
  ['ns-enter --netns blue -- ping host', 'a command in it, as ip netns exec'],
  ['ctr-run spec - | ns-enter --new net,pid | ctr-run run -', 'amend a spec on its way'],
  ['ns-enter --show=$$', 'which namespaces are my own'],
] as const;

export const notes = [
  "Joining gives a command the namespaces of a process and nothing else of a container: not its cgroup limits (--join-cgroup), capabilities, seccomp filter or security label. A command started so by root is root on the host. `ctr-run exec` gives a container's whole confinement.",
  'With a new or a joined PID namespace a parent stays, forwards signals and ends as the command ended. Otherwise ns-enter becomes the command, in the same process.',
  'A new mount namespace with a root gets the root by pivot_root, and with a new PID namespace a fresh /proc in it. --root without a new mount namespace is a chroot. --wd names a directory of the caller, --wdns one inside.',
  'Without a command there is no default shell: type -- $SHELL.',
  'Variables: CTR_ROOTFS is the default of --root for --new, and is dropped once the root has changed. CTR_STATE_ROOT is where container IDs are looked up.',
];
