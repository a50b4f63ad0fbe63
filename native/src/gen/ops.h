/* Made by scripts/gen-ops.ts from packages/plan/src/ops.ts and effects.ts. Do not edit. */
#ifndef CTR_GEN_OPS_H
#define CTR_GEN_OPS_H

/* What an operation changes. */
enum effect {
  DOES_ROOT = 1u << 0, /* gives the process another root */
  DOES_CWD = 1u << 1, /* gives the process another working directory */
  DOES_MOUNTS = 1u << 2, /* changes what the paths of a mount namespace lead to, or allow */
  DOES_IDS = 1u << 3, /* changes user, group or supplementary groups */
  DOES_CAPS = 1u << 4, /* changes capabilities, securebits or no_new_privs */
  DOES_ENV = 1u << 5, /* changes the environment */
  DOES_UMASK = 1u << 6, /* changes the umask */
  DOES_EXEC = 1u << 7, /* acts at the next execve(2), or is undone by it */
  DOES_MAKES = 1u << 8, /* makes a directory at `path` */
  DOES_OPENS = 1u << 9, /* opens `path` as `fd` */
  DOES_WRITES = 1u << 10, /* writes `data` into the file `path`, or into the one behind `fd` */
  DOES_CREATES = 1u << 11, /* makes the namespaces that its flags name */
  DOES_JOINS = 1u << 12, /* joins the namespaces that its flags name */
  DOES_BETWEEN = 1u << 13, /* lies between two processes of a plan, and falls away where both are one */
  DOES_CLONES = 1u << 14, /* starts the next process of the plan */
  DOES_ENDS = 1u << 15, /* ends the process, or makes it the command */
  DOES_RUNS = 1u << 16, /* looks up a command: an exit code says why it cannot be run */
  DOES_FOLLOWS = 1u << 17, /* waits for a command, which signals from outside are meant for from then on */
  DOES_STAYS = 1u << 18, /* stays with a command until its end */
  DOES_ASKS = 1u << 19, /* asks the planner */
  DOES_LETS_GO = 1u << 20, /* lets another process go on, perhaps to its command */
  DOES_ALONE = 1u << 21, /* finds no planner running any more */
  DOES_SEALS = 1u << 22, /* lets a process of a container reach the file of the launcher */
};

#define OPS(X) \
  X(CLONE, clone, 1, "iiioo", DOES_CREATES | DOES_CLONES | DOES_LETS_GO | DOES_SEALS) \
  X(UNSHARE, unshare, 2, "i", DOES_CREATES | DOES_SEALS) \
  X(SETNS, setns, 3, "ii", DOES_JOINS | DOES_SEALS) \
  X(NOTIFY, notify, 4, "ii", DOES_BETWEEN | DOES_LETS_GO) \
  X(AWAIT, await, 5, "ii", DOES_BETWEEN) \
  X(PASS, pass, 6, "ii", DOES_BETWEEN) \
  X(TAKE, take, 7, "io", DOES_BETWEEN) \
  X(AWAIT_EXEC, await_exec, 10, "i", DOES_BETWEEN | DOES_FOLLOWS) \
  X(SUPERVISE, supervise, 11, "iiiii", DOES_BETWEEN | DOES_FOLLOWS | DOES_STAYS | DOES_ENDS) \
  X(TIME_LIMIT, time_limit, 240, "tiit", 0) \
  X(EXEC, exec, 12, "tl", DOES_RUNS | DOES_ENDS) \
  X(EXIT, exit, 13, "i", DOES_ENDS) \
  X(DUMPABLE, dumpable, 14, "i", 0) \
  X(HELPER, helper, 229, "tllbiiit", DOES_SEALS) \
  X(ASK, ask, 16, "ttot", DOES_ASKS) \
  X(PRINT, print, 17, "it", 0) \
  X(ELAPSED, elapsed, 18, "o", 0) \
  X(START_TIME, start_time, 19, "io", 0) \
  X(PIDFD_OPEN, pidfd_open, 20, "io", 0) \
  X(KILL, kill, 21, "iii", 0) \
  X(AWAIT_START, await_start, 22, "i", 0) \
  X(PDEATHSIG, pdeathsig, 23, "i", 0) \
  X(END_PROCESS, end_process, 192, "iii", 0) \
  X(AWAIT_END, await_end, 218, "i", 0) \
  X(SIGNALS_DEFAULT, signals_default, 24, "", 0) \
  X(INIT_SIGNALS, init_signals, 194, "", 0) \
  X(SELF_PID, self_pid, 25, "o", 0) \
  X(SUBREAPER, subreaper, 26, "i", 0) \
  X(WAIT_CHILD, wait_child, 27, "io", 0) \
  X(EXPECT, expect, 28, "tt", 0) \
  X(FAIL, fail, 29, "", 0) \
  X(LOG, log, 98, "t", 0) \
  X(OPEN, open, 30, "tiio", DOES_OPENS) \
  X(WRITE, write, 31, "tb", DOES_WRITES) \
  X(WRITE_FD, write_fd, 32, "ib", DOES_WRITES) \
  X(MKDIR, mkdir, 33, "ti", DOES_MAKES) \
  X(MKDIRS, mkdirs, 34, "ti", DOES_MAKES) \
  X(REMOVE, remove, 215, "ti", 0) \
  X(WRITE_FILE, write_file, 37, "tbi", DOES_WRITES) \
  X(CHOWN, chown, 39, "tii", 0) \
  X(RENAME, rename, 41, "tt", 0) \
  X(CLOSE, close, 43, "i", 0) \
  X(MKFIFO, mkfifo, 44, "ti", 0) \
  X(MKDTEMP, mkdtemp, 45, "to", 0) \
  X(PROC_WRITE, proc_write, 46, "tb", 0) \
  X(LOCK, lock, 212, "ii", 0) \
  X(SEND_FDS, send_fds, 48, "tbn", 0) \
  X(NOTIFY_LISTEN, notify_listen, 231, "to", 0) \
  X(NOTIFY_RELAY, notify_relay, 232, "itii", DOES_FOLLOWS) \
  X(NOTIFY_KEEP, notify_keep, 233, "it", 0) \
  X(READ_FILE, read_file, 49, "to", 0) \
  X(PROPAGATION, propagation, 50, "ti", 0) \
  X(MOUNT, mount, 52, "itttiti", DOES_MOUNTS) \
  X(BIND, bind, 53, "ittiiiiiiii", DOES_MOUNTS) \
  X(MOUNT_ATTR, mount_attr, 54, "itiiii", DOES_MOUNTS) \
  X(DEVICE, device, 55, "itiiiii", DOES_MOUNTS) \
  X(LINK_IN, link_in, 56, "itt", 0) \
  X(MASK, mask, 211, "itt", DOES_MOUNTS) \
  X(READONLY, readonly, 58, "it", DOES_MOUNTS) \
  X(CHANGE_ROOT, change_root, 213, "ii", DOES_ROOT | DOES_CWD | DOES_SEALS) \
  X(UMOUNT, umount, 61, "ti", DOES_MOUNTS) \
  X(OVERLAY, overlay, 62, "tlttilo", DOES_MOUNTS) \
  X(CONSOLE, console, 230, "iiiiioo", DOES_MOUNTS) \
  X(MKDIR_IN, mkdir_in, 64, "itiii", 0) \
  X(IDMAP_USERNS, idmap_userns, 65, "tto", 0) \
  X(TMP_COPY_UP, tmp_copy_up, 66, "itit", DOES_MOUNTS) \
  X(ROOT_MOUNT, root_mount, 67, "to", DOES_MOUNTS) \
  X(OPEN_IN, open_in, 68, "itio", 0) \
  X(OPEN_TREE, open_tree, 69, "tio", 0) \
  X(CHECK_MOUNTS, check_mounts, 70, "ill", 0) \
  X(TMPFS, tmpfs, 71, "ittit", DOES_MOUNTS) \
  X(IDMAP_TREE, idmap_tree, 72, "iii", 0) \
  X(SETGROUPS, setgroups, 80, "n", DOES_IDS) \
  X(SETGID, setgid, 81, "i", DOES_IDS) \
  X(SETUID, setuid, 82, "i", DOES_IDS | DOES_CAPS) \
  X(BOUNDING, bounding, 83, "i", DOES_CAPS) \
  X(CAPSET, capset, 84, "iii", DOES_CAPS) \
  X(AMBIENT, ambient, 85, "i", DOES_CAPS) \
  X(SECUREBITS, securebits, 86, "i", DOES_CAPS | DOES_EXEC) \
  X(KEEP_CAPS, keep_caps, 87, "i", DOES_EXEC) \
  X(NO_NEW_PRIVS, no_new_privs, 88, "", DOES_CAPS) \
  X(SECCOMP, seccomp, 89, "bio", 0) \
  X(LSM_ATTR, lsm_attr, 90, "tt", DOES_EXEC) \
  X(SECCOMP_PASS, seccomp_pass, 91, "bii", 0) \
  X(UMASK, umask, 101, "i", DOES_UMASK) \
  X(PERSONALITY, personality, 102, "i", 0) \
  X(CHDIR, chdir, 214, "tiii", DOES_CWD) \
  X(SETSID, setsid, 104, "", 0) \
  X(CONTROLLING_TTY, controlling_tty, 105, "i", 0) \
  X(DUP2, dup2, 106, "ii", 0) \
  X(SCHEDULER, scheduler, 108, "b", 0) \
  X(IOPRIO, ioprio, 109, "i", 0) \
  X(AFFINITY, affinity, 110, "ib", 0) \
  X(MEMPOLICY, mempolicy, 111, "ibi", 0) \
  X(KEYRING, keyring, 112, "t", 0) \
  X(SETENV, setenv, 113, "tt", DOES_ENV) \
  X(UNSETENV, unsetenv, 114, "t", DOES_ENV) \
  X(ENVIRON, environ, 115, "l", DOES_ENV) \
  X(OWN_STDIO, own_stdio, 117, "ii", 0) \
  X(PRLIMIT, prlimit, 119, "iiii", 0) \
  X(FIND_COMMAND, find_command, 120, "to", DOES_RUNS) \
  X(HOME_DEFAULT, home_default, 121, "i", DOES_ENV) \
  X(CHDIR_EARLY, chdir_early, 122, "to", DOES_CWD) \
  X(CLOSE_OTHERS, close_others, 124, "ni", 0) \
  X(EXEC_PATH, exec_path, 125, "tln", DOES_RUNS | DOES_ENDS) \
  X(OWN_COPY, own_copy, 226, "o", 0) \
  X(EXEC_OWN, exec_own, 227, "itl", DOES_RUNS | DOES_ENDS) \
  X(SECCOMP_CHECK, seccomp_check, 126, "ii", 0) \
  X(LOOPBACK_UP, loopback_up, 130, "", 0) \
  X(NETDEV_MOVE, netdev_move, 208, "tito", 0) \
  X(CGROUP_KILL, cgroup_kill, 140, "t", 0) \
  X(CGROUP_FREEZE, cgroup_freeze, 152, "tii", 0) \
  X(CGROUP_SIGNAL, cgroup_signal, 193, "lii", 0) \
  X(CGROUP_REMOVE, cgroup_remove, 141, "ti", 0) \
  X(DEVICE_FILTER, device_filter, 216, "tbi", 0) \
  X(CGROUP_VACATE, cgroup_vacate, 145, "tt", DOES_ALONE) \
  X(LIMIT_REPORT, limit_report, 146, "tttttllittt", 0) \
  X(CGROUP_END, cgroup_end, 147, "titt", 0) \
  X(CGROUP_MARK, cgroup_mark, 148, "ttt", 0) \
  X(HOSTNAME, hostname, 150, "t", 0) \
  X(DOMAINNAME, domainname, 151, "t", 0) \
  X(JOIN_FIRST, join_first, 160, "n", DOES_JOINS) \
  X(INODE, inode, 161, "tiio", 0) \
  X(END_STATUS, end_status, 162, "o", 0) \
  X(USER_NAMESPACE, user_namespace, 164, "iioo", 0) \
  X(YOUNGER_MOUNTS, younger_mounts, 234, "i", 0) \
  X(NS_GET, ns_get, 165, "iio", 0) \
  X(SOCKET_NETNS, socket_netns, 166, "iio", 0) \
  X(SAME_PROCESS, same_process, 168, "ii", 0) \
  X(WATCH_FILE, watch_file, 172, "tttt", 0) \
  X(CGROUP_HOLD, cgroup_hold, 177, "lo", 0) \
  X(FILE_SAYS, file_says, 178, "tt", 0) \
  X(LAYERS, layers, 210, "lno", DOES_MOUNTS) \
  X(COPY_ATTR, copy_attr, 181, "tt", 0) \
  X(REPORT_TO, report_to, 190, "i", 0) \
  X(AWAIT_READER, await_reader, 191, "it", 0) \
  X(NETDEV_TAKE_BACK, netdev_take_back, 209, "iit", 0) \
  X(CNI, cni, 250, "tlllitt", 0) \
  X(HOSTS_ENTRY, hosts_entry, 251, "tttt", 0)

#endif
