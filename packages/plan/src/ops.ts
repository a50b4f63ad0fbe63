import type { Effect } from './effects.ts';

/**
 * The language of plans: every operation that the launcher knows, once.
 *
 * `native/src/gen/ops.h` is generated from this table (`scripts/gen-ops.ts`), so an
 * operation's number and the kinds of its arguments are written nowhere else. Numbers
 * are never reused: a plan may be stored and run by a later launcher.
 *
 * A row has the number, the arguments, and what the operation changes (`effects.ts`).
 *
 * Argument kinds:
 * - `int`   a 64-bit integer, or a slot that holds one (a PID, a descriptor)
 * - `text`  bytes ending where they end (no NUL inside), or a template around slots
 * - `blob`  bytes of any value
 * - `list`  of `text`
 * - `ints`  a list of `int`
 * - `out`   a slot that the operation fills
 *
 * A descriptor argument (`int`) of -1 means "none"; a `root` of -1 means that the path
 * beside it is the process's own and is not confined.
 */
export type ArgKind = 'int' | 'text' | 'blob' | 'list' | 'ints' | 'out';

/** How `explain` words an integer: octal, or by the names of its bits. An argument of such a kind is an `int`. */
export type Spelling = 'oct' | 'clone' | 'mount' | 'attr' | 'open' | 'signal' | 'rlimit' | 'caps' | 'seccomp';

/**
 * Arguments that have a few values only, each with a word. C has the same numbers as
 * `MAKE_DIRECTORY` of `enum make` in `native/common/enumerations.h`.
 */
export const enumerations = {
  /** What to make where a mount's target is missing. */
  make: { nothing: 0, directory: 1, like_source: 2, file: 3 },
  /** How a supervisor ends whose command died of a signal: of the same one, or with 128+N. */
  ending: { by_signal: 0, by_code: 1 },
  /**
   * How the root is changed: by pivot_root(2), which lets the old one go; where that cannot be (an initramfs) by moving
   * the root over / and chroot(2); or by chroot(2) alone.
   */
  leaving: { pivot: 0, move: 1, chroot: 2 },
  /** What is removed. */
  removal: { file: 0, directory: 1, tree: 2, record: 3, empty: 4, vacant: 5 },
  /** Whether others may have the lock at the same time. */
  sharing: { exclusive: 0, shared: 1 },
} as const;

export type EnumerationName = keyof typeof enumerations;

/** What a row says of an argument: its kind, for an integer how it is worded, or its values. */
export type Declared = ArgKind | Spelling | EnumerationName;

/** With a default, for an argument that a step may leave out. */
type Takes = Record<string, Declared | readonly [Declared, number | string | readonly []]>;

export interface OpShape {
  /** The number in an encoded plan. */
  code: number;
  /** Arguments in their encoded order. */
  args: Record<string, ArgKind>;
  /** Spelling of integer arguments for people; decimal if not named. */
  spell: Record<string, Spelling | EnumerationName>;
  /** What stands for an argument that was left out. */
  defaults: Record<string, number | string | readonly []>;
  /** What it changes (`effects.ts`). */
  does: readonly Effect[];
}

const argKinds = new Set<Declared>(['int', 'text', 'blob', 'list', 'ints', 'out']);
const isKind = (declared: Declared): declared is ArgKind => argKinds.has(declared);

function op<const A extends Takes>(code: number, takes: A, ...does: readonly Effect[]) {
  const args: OpShape['args'] = {};
  const spell: OpShape['spell'] = {};
  const defaults: OpShape['defaults'] = {};
  for (const [name, row] of Object.entries(takes) as [string, Takes[string]][]) {
    const [declared, value] = typeof row === 'string' ? [row] : row;
    args[name] = isKind(declared) ? declared : 'int';
    if (!isKind(declared)) spell[name] = declared;
    if (value !== undefined) defaults[name] = value;
  }
  return { code, takes, args, spell, defaults, does };
}

export const ops = {
  // --- processes -------------------------------------------------------------------
  /** clone3(2): start process `process` of this plan. `cgroup` is a v2 directory's descriptor for CLONE_INTO_CGROUP or -1. */
  clone: op(
    1,
    { process: 'int', flags: 'clone', cgroup: 'int', pid: 'out', pidfd: 'out' },
    'creates',
    'clones',
    'lets_go',
    'seals',
  ),
  /** unshare(2) */
  unshare: op(2, { flags: 'clone' }, 'creates', 'seals'),
  /** setns(2) of a namespace's descriptor, or of a pidfd with several kinds at once. */
  setns: op(3, { fd: 'int', flags: 'clone' }, 'joins', 'seals'),
  /** Tell process `process` that this one has reached `point`. */
  notify: op(4, { process: 'int', point: 'int' }, 'between', 'lets_go'),
  /** Wait until process `process` has reached `point`; its failure or death is a failure here. */
  await: op(5, { process: 'int', point: 'int' }, 'between'),
  /** Give a descriptor to `process`, which takes it with `take`. */
  pass: op(6, { process: 'int', fd: 'int' }, 'between'),
  take: op(7, { process: 'int', fd: 'out' }, 'between'),
  // 8 and 9 were pass_text and take_text, which nobody emitted.
  /** Wait until `process` runs its command (its channel closed by execve), or has failed. */
  await_exec: op(10, { process: 'int' }, 'between', 'follows'),
  /**
   * Stay with the child: forward signals, follow stop and continue, relay the terminal
   * `pty` (or -1), reap strays, and end as it ended.
   */
  supervise: op(
    11,
    { process: 'int', pid: 'int', pidfd: ['int', -1], ending: ['ending', 'by_signal'], pty: ['int', -1] },
    'between',
    'follows',
    'stays',
    'ends',
  ),
  /**
   * Let `supervise` end what runs after `ms`: all in the group `path` get SIGTERM, and after `grace` ms what is left
   * gets SIGKILL. `says` is said at the end, and the exit code is timeout(1)'s, 124.
   */
  time_limit: op(240, { path: 'text', ms: 'int', grace: 'int', says: 'text' }),
  /**
   * Become the command of a chain, as execvp(3): the name is looked up in PATH as the environment is now, and a file
   * that the kernel does not know how to execute is given to /bin/sh. 127 not found, 126 not runnable.
   */
  exec: op(12, { file: 'text', argv: 'list' }, 'runs', 'ends'),
  /** End this process of the plan with success and this exit code, undoing nothing but what is marked for the end. */
  exit: op(13, { code: 'int' }, 'ends'),
  /** prctl(PR_SET_DUMPABLE). The launcher starts every plan with 0. */
  dumpable: op(14, { on: 'int' }),
  // 15 was a helper that had only the environment given, and no directory of its own.
  /**
   * Run a program to its end: hooks, newuidmap, CRIU. `timeout` in milliseconds, 0 for
   * none; a non-zero exit status, a signal or the time limit is a failure. Its stdout
   * and stderr are shown in the failure's message (the last lines). With `inherit` it has the
   * environment that this process has now, and `env` is of no account. It runs in the directory
   * `root`, if that is not -1, then in `cwd`, if that is not empty and can be entered.
   */
  helper: op(
    229,
    {
      file: 'text',
      argv: 'list',
      env: ['list', []],
      stdin: ['blob', ''],
      timeout: ['int', 0],
      inherit: ['int', 0],
      root: ['int', -1],
      cwd: ['text', ''],
    },
    'seals',
  ),
  /**
   * Ask the planner, which stayed alive for it, and wait for its answer; what it answers fills `reply`. Where
   * `socket` is not empty, a connection to that Unix socket goes along: the planner can make none itself.
   */
  ask: op(16, { topic: 'text', payload: ['text', ''], reply: 'out', socket: ['text', ''] }, 'asks'),
  /** Write a line to a descriptor. */
  print: op(17, { fd: 'int', text: 'text' }),
  /** Milliseconds since the launcher started, as text with one decimal. */
  elapsed: op(18, { text: 'out' }),
  /** Start time of a process in clock ticks after boot (proc_pid_stat(5) field 22). */
  start_time: op(19, { pid: 'int', ticks: 'out' }),
  pidfd_open: op(20, { pid: 'int', pidfd: 'out' }),
  /** kill(2), or pidfd_send_signal(2) where `pidfd` is not -1. ESRCH is not a failure. */
  kill: op(21, { pid: 'int', pidfd: ['int', -1], signal: 'signal' }),
  /** Wait until a byte can be read from a FIFO that was opened for reading and writing; read it. */
  await_start: op(22, { fd: 'int' }),
  /** prctl(PR_SET_PDEATHSIG), then check that the parent is still there. */
  pdeathsig: op(23, { signal: 'signal' }),
  /**
   * Kill the process that started at `ticks` (proc_pid_stat(5) field 22; -1: at any time), held by a pidfd, and
   * wait up to `timeout` ms until it has ended. One that has ended, or whose PID is another's by now, is not a failure.
   */
  end_process: op(192, { pid: 'int', ticks: 'int', timeout: 'int' }),
  /** Wait until the process that a pidfd holds has ended. */
  await_end: op(218, { pidfd: 'int' }),
  /** Reset every signal's disposition to the default and unblock all signals. */
  signals_default: op(24, {}),
  /**
   * For PID 1 of a namespace, which the kernel spares whatever it has no handler for (pid_namespaces(7)): until its
   * command runs, end by each signal that would end any other process.
   */
  init_signals: op(194, {}),
  /** The PID of this process, as its own PID namespace counts. */
  self_pid: op(25, { pid: 'out' }),
  /** PR_SET_CHILD_SUBREAPER */
  subreaper: op(26, { on: 'int' }),
  /** Wait for a child to end (waitpid(2)), as a step: `status` is its exit code, or 128 and the signal that ended it. */
  wait_child: op(27, { pid: 'int', status: 'out' }),
  /** Fail with ESRCH unless two texts are the same: a start time, to know that a PID still means the process it meant. */
  expect: op(28, { found: 'text', wanted: 'text' }),

  /** Fail: the step's words are the whole sentence. So a failure of the planner, which can write no file, gets into an engine's log. */
  fail: op(29, {}),
  /** A warning for the engine's log alone, where the plan has one. */
  log: op(98, { text: 'text' }),

  // --- files outside the container's root -------------------------------------------
  open: op(30, { path: 'text', flags: 'open', mode: ['oct', 0], fd: 'out' }, 'opens'),
  /** Open an existing file for writing, write once, close (files of /proc, /sys and cgroups). */
  write: op(31, { path: 'text', data: 'blob' }, 'writes'),
  write_fd: op(32, { fd: 'int', data: 'blob' }, 'writes'),
  mkdir: op(33, { path: 'text', mode: 'oct' }, 'makes'),
  /** mkdir -p. What exists is not a failure. */
  mkdirs: op(34, { path: 'text', mode: 'oct' }, 'makes'),
  // 35, 36 and 42 were rmdir, unlink and remove_tree.
  /**
   * Remove a file; a directory, again for up to a second while it says EBUSY; or a tree (rm -r by descriptors, which follows
   * no link and crosses no mount). A directory or tree that is not there is not a failure. A record is a tree that says
   * what there is to undo: it stays where an undoing before this one failed. Of `empty` a regular file without content goes,
   * of `vacant` a directory without entries, or a group without processes and groups; anything else stays, which is not a
   * failure.
   */
  remove: op(215, { path: 'text', what: ['removal', 'file'] }),
  /** Write a whole file beside itself and rename it into place. */
  write_file: op(37, { path: 'text', data: 'blob', mode: 'oct' }, 'writes'),
  chown: op(39, { path: 'text', uid: 'int', gid: 'int' }),
  rename: op(41, { from: 'text', to: 'text' }),
  close: op(43, { fd: 'int' }),
  mkfifo: op(44, { path: 'text', mode: 'oct' }),
  /** mkdtemp(3): `prefix` and six characters; the path fills `path`. */
  mkdtemp: op(45, { prefix: 'text', path: 'out' }),
  /** Write a file of procfs by a path relative to /proc, through a descriptor proved to be procfs (PROC_SUPER_MAGIC, no mount crossed). */
  proc_write: op(46, { path: 'text', data: 'blob' }),
  // 47 and 182 were an exclusive and a shared lock.
  /** flock(2) of a descriptor. */
  lock: op(212, { fd: 'int', sharing: ['sharing', 'exclusive'] }),
  /** Connect to a unix stream socket and send bytes with descriptors (console socket, pidfd socket, seccomp listener). -1 in `fds` is left out. */
  send_fds: op(48, { path: 'text', data: 'blob', fds: 'ints' }),
  /** A datagram socket at `path`, on which everybody may speak (sd_notify(3)). */
  notify_listen: op(231, { path: 'text', fd: 'out' }),
  /**
   * Wait until somebody says READY=1 there, or the process of `pidfd` has ended; then tell the manager at `to` (a path,
   * or @ and an abstract name) of it, and of `pid` as the service's main one, and wait until it has read that.
   */
  notify_relay: op(232, { fd: 'int', to: 'text', pid: 'int', pidfd: 'int' }, 'follows'),
  /** Leave that to `supervise`; the main process is the supervisor. */
  notify_keep: op(233, { fd: 'int', to: 'text' }),
  /** Read a small file whole into a slot, less its last newline. */
  read_file: op(49, { path: 'text', text: 'out' }),

  // --- mounts. Targets are resolved inside `root` (openat2 RESOLVE_IN_ROOT) ------------
  /** mount(2) for propagation alone: MS_PRIVATE, MS_SLAVE … with MS_REC. */
  propagation: op(50, { path: 'text', flags: 'mount' }),
  // 51 was open_root, an open with O_PATH.
  /**
   * Mount a filesystem. `make` says what to make when the target is missing: 0 nothing,
   * 1 a directory. `flags` are MS_*; `data` the filesystem's own options, comma separated.
   */
  mount: op(
    52,
    {
      root: ['int', -1],
      target: 'text',
      type: ['text', ''],
      source: 'text',
      flags: ['mount', 0],
      data: ['text', ''],
      make: ['make', 'nothing'],
    },
    'mounts',
  ),
  /**
   * Bind `source` (a path, or `fd` if not -1) to the target, with the attributes `set` and
   * `clear` (MOUNT_ATTR_*), on the whole tree of mounts if `recursive` has bit 1; bit 0 makes
   * the bind itself recursive. `propagation` is MS_* or 0. `userns` is a descriptor for
   * an idmapped mount or -1. `make`: 2 makes what the source is, file or directory. `lift` is cleared
   * too, unless a user namespace has locked some of it.
   */
  bind: op(
    53,
    {
      root: ['int', -1],
      target: 'text',
      source: ['text', ''],
      fd: ['int', -1],
      recursive: ['int', 0],
      set: ['attr', 0],
      clear: ['attr', 0],
      propagation: ['mount', 0],
      userns: ['int', -1],
      make: ['make', 'nothing'],
      lift: ['attr', 0],
    },
    'mounts',
  ),
  /** mount_setattr(2) of what is mounted at the target. */
  mount_attr: op(
    54,
    {
      root: ['int', -1],
      target: 'text',
      set: ['attr', 0],
      clear: ['attr', 0],
      propagation: ['mount', 0],
      recursive: ['int', 0],
    },
    'mounts',
  ),
  /** Make a device node or FIFO; where mknod is not allowed (`bind` 1), bind the host's node instead. `mode` has the type's bits. */
  device: op(
    55,
    { root: 'int', path: 'text', mode: 'oct', dev: 'int', uid: 'int', gid: 'int', bind: 'int' },
    'mounts',
  ),
  /** A symbolic link inside the root; one that is already there and the same is not a failure. */
  link_in: op(56, { root: 'int', path: 'text', target: 'text' }),
  /**
   * Hide a path: /dev/null over a file, an empty read-only tmpfs over a directory, which gets the option `context`
   * (`context="…"`). A missing path is not a failure.
   */
  mask: op(211, { root: ['int', -1], path: 'text', context: ['text', ''] }, 'mounts'),
  /** Make a path read-only by binding it over itself. A missing path is not a failure. */
  readonly: op(58, { root: 'int', path: 'text' }, 'mounts'),
  // 59 and 60 were pivot and change_root.
  /** Make a directory the root, and the working directory. */
  change_root: op(213, { root: 'int', leaving: ['leaving', 'pivot'] }, 'root', 'cwd', 'seals'),
  umount: op(61, { path: 'text', flags: 'int' }, 'mounts'),
  /**
   * An overlay on the host's path `target` (or, when that is empty, detached), its root
   * opened as `root`. `lower` topmost first; `upper` and `work` may be empty for read-only.
   */
  overlay: op(
    62,
    {
      target: 'text',
      lower: 'list',
      upper: 'text',
      work: 'text',
      flags: 'attr',
      options: 'list',
      root: 'out',
    },
    'mounts',
  ),
  // 63 was a console that knew nothing of `relayed`.
  /**
   * Open a pty in the root's own /dev/pts, mount its end over /dev/console if `bind`, and give both ends. Where it is
   * `relayed` to a stdout that is not a terminal, it leaves newlines as they are (termios(3), ONLCR).
   */
  console: op(
    230,
    {
      root: 'int',
      rows: 'int',
      columns: 'int',
      bind: 'int',
      relayed: ['int', 0],
      master: 'out',
      slave: 'out',
    },
    'mounts',
  ),
  mkdir_in: op(64, { root: 'int', path: 'text', mode: 'oct', uid: 'int', gid: 'int' }),
  /** A user namespace with these maps, for an idmapped mount. Maps are lines as in /proc/PID/uid_map. */
  idmap_userns: op(65, { uids: 'text', gids: 'text', userns: 'out' }),
  /** Copy the tree at the target into a new tmpfs mounted over it (tmpcopyup). */
  tmp_copy_up: op(66, { root: 'int', target: 'text', flags: 'mount', data: 'text' }, 'mounts'),
  /** Make the root's directory a mount of its own (recursive bind onto itself) and open it anew. */
  root_mount: op(67, { path: 'text', root: 'out' }, 'mounts'),
  /** open a path inside the root (O_PATH unless flags say otherwise). */
  open_in: op(68, { root: 'int', path: 'text', flags: 'open', fd: 'out' }),
  /** open_tree(2) OPEN_TREE_CLONE of a host path, to be mounted after the view of the host is gone. */
  open_tree: op(69, { path: 'text', recursive: ['int', 0], fd: 'out' }),
  /**
   * Check the mounts once they are made, whatever links the root's paths went through: nothing
   * of ours lies inside the root's /proc but at the paths `allowed`, and each path in `whole`
   * is the very place where its filesystem (`PATH TYPE`) was mounted.
   */
  check_mounts: op(70, { root: 'int', allowed: 'list', whole: 'list' }),
  /** Mount a tmpfs over a directory, made if missing; one that was there gives it its mode unless `data` names another. */
  tmpfs: op(71, { root: 'int', target: 'text', source: 'text', flags: 'mount', data: 'text' }, 'mounts'),
  /** mount_setattr(2) MOUNT_ATTR_IDMAP of a tree from `open_tree`, by who owns its filesystem; `recursive` 1: all of it. */
  idmap_tree: op(72, { fd: 'int', userns: 'int', recursive: 'int' }),
  // 57 and 73 were mask without and with a label.

  // --- credentials and filters --------------------------------------------------------
  setgroups: op(80, { gids: 'ints' }, 'ids'),
  setgid: op(81, { gid: 'int' }, 'ids'),
  setuid: op(82, { uid: 'int' }, 'ids', 'caps'),
  /** Drop from the bounding set what is not in `keep` (a mask), up to the last capability that the kernel knows. */
  bounding: op(83, { keep: 'caps' }, 'caps'),
  /** capset(2) */
  capset: op(84, { effective: 'caps', permitted: 'caps', inheritable: 'caps' }, 'caps'),
  /** Clear the ambient set and raise these. */
  ambient: op(85, { caps: 'caps' }, 'caps'),
  securebits: op(86, { bits: 'int' }, 'caps', 'exec'),
  keep_caps: op(87, { on: 'int' }, 'exec'),
  no_new_privs: op(88, {}, 'caps'),
  /** seccomp(2) SECCOMP_SET_MODE_FILTER. `listener` is filled where the flags ask for one, else -1. */
  seccomp: op(89, { filter: 'blob', flags: 'seccomp', listener: 'out' }),
  /** Write an LSM's exec attribute (`apparmor/exec`, `exec`) of this thread, through a checked procfs. */
  lsm_attr: op(90, { attr: 'text', value: 'text' }, 'exec'),
  /**
   * The same as `seccomp` with SECCOMP_FILTER_FLAG_NEW_LISTENER among the flags; and give the
   * listener to `process`, which takes it with `take`, without making a call that the new
   * filter would see: a thread beside it, which the filter does not hold, does it.
   */
  seccomp_pass: op(91, { filter: 'blob', flags: 'seccomp', process: 'int' }),

  // --- the command's process ----------------------------------------------------------
  // 100 was rlimit, a prlimit of oneself.
  umask: op(101, { mask: 'oct' }, 'umask'),
  personality: op(102, { persona: 'int' }),
  // 103, 123 and 163 were chdir of a path, chdir_late and fchdir.
  /**
   * chdir(2), or fchdir(2) where `fd` is not -1; with `inside` 1 the new directory is checked to lie within the root
   * (CVE-2024-21626). Nothing where `entered` is 1.
   */
  chdir: op(214, { path: ['text', ''], fd: ['int', -1], inside: ['int', 0], entered: ['int', 0] }, 'cwd'),
  setsid: op(104, {}),
  /** Make a terminal the controlling one and the three standard descriptors. */
  controlling_tty: op(105, { fd: 'int' }),
  dup2: op(106, { from: 'int', to: 'int' }),
  // 107 was cloexec_from: close-on-exec comes after the command's path was looked up.
  /** sched_setattr(2), with the struct as its bytes. */
  scheduler: op(108, { attr: 'blob' }),
  ioprio: op(109, { value: 'int' }),
  /** sched_setaffinity(2) of `pid` (0 for itself), with the mask as its bytes; without any: every CPU of its cpuset. */
  affinity: op(110, { pid: 'int', mask: ['blob', ''] }),
  /** set_mempolicy(2) */
  mempolicy: op(111, { mode: 'int', nodes: 'blob', maxnode: 'int' }),
  /** keyctl(2) KEYCTL_JOIN_SESSION_KEYRING; a full quota is not a failure. */
  keyring: op(112, { name: 'text' }),
  setenv: op(113, { name: 'text', value: 'text' }, 'env'),
  unsetenv: op(114, { name: 'text' }, 'env'),
  /** Replace the environment: NAME=VALUE each. */
  environ: op(115, { env: 'list' }, 'env'),
  /** Give the descriptors 0, 1 and 2 to this owner where they are ours to give (not /dev/null, not a read-only mount). */
  own_stdio: op(117, { uid: 'int', gid: 'int' }),
  // 118 was setenv_default.
  /** prlimit(2) of a process, of oneself without `pid`: raising a hard limit is for those who have CAP_SYS_RESOURCE outside. */
  prlimit: op(119, { pid: ['int', 0], resource: 'rlimit', soft: 'int', hard: 'int' }),
  /** Look a command up in PATH, so that a missing one is known before `start`: `path` is what `exec_path` then takes. */
  find_command: op(120, { file: 'text', path: 'out' }, 'runs'),
  /** Set HOME, where the environment has none, to this user's directory in the process's own /etc/passwd, or to `/`. */
  home_default: op(121, { uid: 'int' }, 'env'),
  /** chdir(2) as `chdir` with `inside`, before the user is set; `entered` is 1, or 0 where the directory is forbidden to us (EACCES, EPERM). */
  chdir_early: op(122, { path: 'text', entered: 'out' }, 'cwd'),
  /**
   * Close every descriptor above 2 but those in `keep` and what the launcher's processes speak by. Of `keep`, a
   * directory that is close-on-exec, and so ours, is closed all the same; with `directories` 1 any directory is.
   */
  close_others: op(124, { keep: 'ints', directories: 'int' }),
  /**
   * Become a container's command: execve(2) of this path, with every descriptor closed before it is looked up as
   * `close_others` does. There is no search in PATH, and no shell for what the kernel cannot execute.
   */
  exec_path: op(125, { path: 'text', argv: 'list', keep: 'ints' }, 'runs', 'ends'),
  /**
   * A sealed copy of the launcher's whole file, with planner and all: what `exec_own` executes where the root was
   * changed, or another mount namespace joined, and the file itself is not to be found.
   */
  own_copy: op(226, { fd: 'out' }),
  /** Become the tool `argv` from `own_copy`, and tell it which tools (`installed`, a space between) its siblings are. */
  exec_own: op(227, { fd: 'int', installed: 'text', argv: 'list' }, 'runs', 'ends'),
  /** Fail as loading a filter of this many bytes with these flags would, whatever is in it; load nothing. */
  seccomp_check: op(126, { bytes: 'int', flags: 'seccomp' }),

  // --- network --------------------------------------------------------------------------
  loopback_up: op(130, {}),
  // 131 was netdev_move without `index`.
  /**
   * Move a network interface into the namespace of `pid` under the name `as`, keeping its addresses; `index` is its number
   * there, by which it is known whatever it is called later.
   */
  netdev_move: op(208, { name: 'text', pid: 'int', as: 'text', index: 'out' }),

  // --- cgroups and names ---------------------------------------------------------------
  /** Kill all processes in the group and below until none is left (cgroup.kill, or freeze and kill). Missing groups are not a failure. */
  cgroup_kill: op(140, { path: 'text' }),
  /**
   * Stop (`on` 1) or release all processes of a group and below, and wait up to `timeout` ms until the kernel says
   * that it is so: v1's freezer, or cgroup.freeze (Linux 5.2). Those that do not stop in time all go on.
   */
  cgroup_freeze: op(152, { path: 'text', on: 'int', timeout: 'int' }),
  /**
   * Send a signal once to each process in the groups and below, to those too that are born meanwhile, but not to
   * process `but`. Missing groups, and processes that have ended, are not a failure.
   */
  cgroup_signal: op(193, { groups: 'list', signal: 'signal', but: 'int' }),
  /** Remove a group and the groups below it, for up to `timeout` ms while the kernel says EBUSY. */
  cgroup_remove: op(141, { path: 'text', timeout: 'int' }),
  // 142 and 149 were device_filter and device_filter_too.
  /**
   * BPF_PROG_LOAD of a BPF_PROG_TYPE_CGROUP_DEVICE program and BPF_PROG_ATTACH to the group, replacing what we attached
   * before; with `beside` 1 beside that: both must allow, and one that is attached already is not attached twice.
   */
  device_filter: op(216, { path: 'text', program: 'blob', beside: ['int', 0] }),
  // 144 was cgroup_prune.
  /** Make the group `leaf`, if it is not there, and move every process of `path` itself into it, until none is left. */
  cgroup_vacate: op(145, { path: 'text', leaf: 'text' }, 'alone'),
  /**
   * When a command has ended: say on stderr how often a limit of this group was hit, if it was: the number behind
   * `key` in `file` (no key: the file is the number). Files that are not there are no failure. `reached` says that one of `peaks` came up to its
   * limit in `limits`. Where the group has a `local` file, the number behind `localKey` there says it as well; else
   * what groups below had for a limit that was not theirs is counted with it. `early` is the sentence
   * where the command had not even begun. Both name the limit as `says`, and another that stands in the first of
   * `limits` by then is named instead.
   */
  limit_report: op(146, {
    group: 'text',
    file: 'text',
    key: 'text',
    local: 'text',
    localKey: 'text',
    peaks: 'list',
    limits: 'list',
    bytes: 'int',
    text: 'text',
    early: 'text',
    says: 'text',
  }),
  /**
   * As `cgroup_remove`, at a command's end: groups below that were made to be kept stay, and this one with them.
   * What stays is not a failure but a sentence, said once for all hierarchies: `left` for processes, `kept` for such groups.
   */
  cgroup_end: op(147, { path: 'text', timeout: 'int', left: 'text', kept: 'text' }),
  /** A mark of ours on a group (an extended attribute): `keep`, or the account of a file's counts. */
  cgroup_mark: op(148, { path: 'text', name: 'text', value: 'text' }),
  hostname: op(150, { name: 'text' }),
  domainname: op(151, { name: 'text' }),

  // --- namespaces -------------------------------------------------------------------------
  /**
   * Let the next `clone` go through a process that joins namespaces first: pairs of a
   * descriptor and CLONE_NEW* flags, in order. It joins and clones with CLONE_PARENT and
   * goes, so that the child is born inside (a PID namespace is joined for children only,
   * and new namespaces belong to the user namespace of whoever makes them), while this
   * process stays outside and is the child's parent all the same.
   */
  join_first: op(160, { joins: 'ints' }, 'joins'),
  /** st_ino of a path, or of `fd` where that is not -1. EOPNOTSUPP unless it lies on this `filesystem` (statfs(2) f_type; 0: any). */
  inode: op(161, { path: ['text', ''], fd: ['int', -1], filesystem: ['int', 0], inode: 'out' }),
  /** Have `status` filled, before the undoings for the end run, with the exit code that this process ends with (128+N for a signal). */
  end_status: op(162, { status: 'out' }),
  /**
   * Start a process in a new user namespace, which holds it for its maps to be written from
   * here and does nothing else, and dies with this one. With `uid` and `gid` (or -1) it
   * takes those IDs first, and so its user owns the namespace.
   */
  user_namespace: op(164, { uid: ['int', -1], gid: ['int', -1], pid: 'out', userns: 'out' }),
  /**
   * Make the own mount namespace anew, on one CPU after the other, until its number is above that of `than`: only then can it
   * be bound there (mount_namespaces(7)), and since Linux 6.18 each CPU hands out numbers from a batch of its own. Nothing is
   * done where it is above already, or where the kernel tells no number: such a one counts in order.
   */
  younger_mounts: op(234, { than: 'int' }),
  /** ioctl_ns(2) on a namespace's descriptor: NS_GET_USERNS or NS_GET_PARENT. */
  ns_get: op(165, { fd: 'int', request: 'int', ns: 'out' }),
  /** The network namespace of descriptor `fd` of the process behind `pidfd`, a socket (pidfd_getfd(2), SIOCGSKNS). */
  socket_netns: op(166, { pidfd: 'int', fd: 'int', ns: 'out' }),
  // 167 was netdev_return, which looked for an interface by its name.
  /**
   * ESRCH unless the process that a pidfd holds started at `ticks` (proc_pid_stat(5) field 22).
   * Read from this process's own /proc: for who looked there before, and not for a container's.
   */
  same_process: op(168, { pid: 'int', ticks: 'int' }),

  // --- groups that others remove -----------------------------------------------------------------
  /**
   * Keep what `file` says whenever the kernel says that it changed, and what `peak` and `limit` say then, for the
   * report of a group that is gone. What came after that is taken from `above`, which counts all groups below with its own.
   */
  watch_file: op(172, { file: 'text', peak: 'text', limit: 'text', above: 'text' }),
  /**
   * A process in these groups that does nothing, so that they are not empty until it is killed, and whoever
   * removes them then waits. It minds SIGKILL and SIGTERM alone, and dies with this process.
   */
  cgroup_hold: op(177, { groups: 'list', pid: 'out' }),

  /** Fail with what a file's first line is, unless it is this text: a value that the kernel took and did not put in force. */
  file_says: op(178, { path: 'text', text: 'text' }),

  // --- layers of images ---------------------------------------------------------------------
  /**
   * Have `ctr-layers`, the program for layers of images beside the launcher, carry out a request: fields
   * that packages/ufs-mount/src/layers-request.ts knows, with the descriptors `fds`. Its 1 and 2 are
   * this process's own. `reply` is filled with the text or the descriptor that it answers with.
   */
  layers: op(210, { request: 'list', fds: 'ints', reply: 'out' }, 'mounts'),
  /** Give a directory the owner, mode, times and attributes of another. */
  copy_attr: op(181, { from: 'text', to: 'text' }),
  // --- a container that was let go --------------------------------------------------------
  /** From here on the words of a failure of this process go to `fd` too, once nobody of its plan is left to hear them. */
  report_to: op(190, { fd: 'int' }),
  /**
   * Wait until nobody has the FIFO behind `fd`, which is open for writing, open for reading
   * any more: its reader runs its command, or is dead. A text in the file `report` is then
   * the failure, and EPIPE where it never read what was written.
   */
  await_reader: op(191, { fd: 'int', report: 'text' }),
  // 180, 183 to 187 and 200 to 207 were operations on layers that ctr-layers now does.
  /** Move the interface `index` of the namespace `netns` into this process's own, under the name `as`. One that is gone is not a failure. */
  netdev_take_back: op(209, { netns: 'int', index: 'int', as: 'text' }),
  // --- networks of CNI -----------------------------------------------------------------------
  /**
   * Run plugins of CNI: `files` in order (DEL: backwards, each although another failed), each with its text of `configs` on
   * stdin, into which goes what the one before printed, and `env` beside CNI_COMMAND. After ADD and before DEL the file `result` has what the
   * last one printed; where ADD fails, DEL is run for those that ran. `timeout` in milliseconds for each.
   * Of several ADDs one runs after the other, by a lock on the file `turn`.
   */
  cni: op(250, {
    command: 'text',
    files: 'list',
    configs: 'list',
    env: 'list',
    timeout: 'int',
    result: 'text',
    turn: ['text', ''],
  }),
  /**
   * In a hosts(5) file that others read meanwhile, under its lock: strike the lines marked `mark`; where there are `names`, add one for each
   * address in the CNI result that the file `result` has. Without a mark: make the file, if it is not there.
   */
  hosts_entry: op(251, { path: 'text', mark: ['text', ''], names: ['text', ''], result: ['text', ''] }),
} satisfies Record<string, OpShape>;

export type Ops = typeof ops;
export type OpName = keyof Ops;

/** The names and kinds of each operation's arguments, made ready when the planner's image is. */
export const argumentsOf = Object.fromEntries(
  Object.entries<OpShape>(ops).map(([op, { args }]) => [
    op,
    { names: Object.keys(args), kinds: Object.values<ArgKind>(args) },
  ]),
) as unknown as Readonly<Record<OpName, { names: readonly string[]; kinds: readonly ArgKind[] }>>;
