/**
 * The one ordered list of phases. A tool says in which phase a step of its belongs; this
 * list, and nothing else, decides what comes before what when several tools' steps make
 * one container. Within a phase the order of the tools, then of each tool's own steps,
 * is kept.
 *
 * In a chain typed by a person (`ns-enter … -- cg-limit …`) the phases order each link's
 * steps; the links themselves stay in the order typed.
 */
export const phases = {
  state: 'the container gets its directory first, so that its name is taken before anything else is made',
  cgroup: 'the group and its limits exist before the process that they are to hold',
  descriptors: 'whatever is named by a host path is opened while host paths still mean the host',
  clone: 'the process is born, into its new namespaces where the kernel can do that at once',
  'cgroup-join':
    'it enters its group while it still sees the host cgroup files, and before the cgroup namespace takes the group as its root',
  join: 'existing namespaces are joined before new ones are made inside them',
  user: 'identity maps come before everything that a mapped root is to own',
  unshare: 'namespaces that must be made by the process itself (cgroup, time) are made now',
  network:
    'interfaces arrive while the host still knows the process by its PID; devices are limited and the config is kept while it makes itself',
  identity: 'host and domain name',
  root: 'the mount namespace is cut off from the host, and the root becomes a mount of its own',
  mounts: 'mounts in the order of the spec',
  devices: 'nodes and links in /dev, after whatever was mounted there',
  console: 'the terminal is opened in the devpts of the container itself',
  'hooks-runtime':
    'prestart and createRuntime hooks run on the host once all namespaces and mounts exist, before pivot_root (config.md, Hooks)',
  'hooks-container': 'createContainer hooks run in the container namespaces, before pivot_root',
  pivot: 'the root is changed',
  sysctl: 'kernel parameters of the new namespaces, through a procfs that was checked',
  masks: 'paths are hidden and made read-only when nothing needs to write below them any more',
  'root-readonly': 'the root itself becomes read-only last of all mounts',
  session: 'keyring, session and controlling terminal',
  limits: 'resource limits and scheduling, while the privilege to raise them is still there',
  label: 'the security label for the coming exec, before no_new_privs would forbid the change',
  bounding: 'the bounding set can be cut only with CAP_SETPCAP',
  credentials: 'groups, then gid, then uid: each needs the privilege that the next one gives up',
  capabilities: 'the final sets, after setuid would have cleared them',
  cwd: 'the working directory is entered as the user who must be able to',
  environment: 'variables',
  'no-new-privs': 'from here on exec grants nothing',
  ready: 'the container is made: the host writes the state, the PID file and hands over the terminal',
  'seccomp-early':
    'without no_new_privs a filter takes CAP_SYS_ADMIN, which a process that waits for `start` shall not keep; and whoever is to have its listener is still there',
  'seccomp-loaded': 'what only loading the filter took is given back',
  'await-start': '`create` leaves the process waiting here for `start`',
  'seccomp-late':
    'with no_new_privs the filter is loaded last, so that it need not allow our own set-up; hooks inside are held by it as by runc and crun',
  'hooks-start': 'startContainer hooks run in the container, before its program (config.md, Hooks)',
  exec: 'the process becomes the command',
  running: 'the host is told that the command runs, and runs poststart hooks',
  supervise: 'the host stays with the command, or goes',
} as const;

export type Phase = keyof typeof phases;

export const phaseOrder = Object.keys(phases) as Phase[];
const rank = new Map<Phase, number>(phaseOrder.map((phase, i) => [phase, i]));

/** Put steps into the order of the phases, keeping the given order within each. */
export function inOrder<S extends { phase: Phase }>(steps: readonly S[]): S[] {
  return steps.toSorted((a, b) => rank.get(a.phase)! - rank.get(b.phase)!);
}
