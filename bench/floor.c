/*
 * The floor: the kernel work of an OCI default container (six namespaces, a cgroup,
 * the default mounts and devices, masks, pivot_root, capabilities, no_new_privs, a
 * filter) with nothing around it. No checks beyond "did it work": what a runtime
 * costs more than this is its own.
 *
 *     floor ROOTFS CGROUP_NAME COMMAND [ARG...]
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define must(what)                   \
  do {                               \
    if ((what) < 0) {                \
      perror("floor: " #what);       \
      _exit(1);                      \
    }                                \
  } while (0)

static char groups[16][300];
static int group_count;

static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  must(fd);
  must(write(fd, text, strlen(text)));
  close(fd);
}

/* One group in each mounted hierarchy: /sys/fs/cgroup itself where it is v2, else each directory in it. */
static void make_groups(const char *name) {
  if (access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0) {
    snprintf(groups[group_count++], 300, "/sys/fs/cgroup/%s", name);
  } else {
    DIR *dir = opendir("/sys/fs/cgroup");
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL && group_count < 16) {
      if (entry->d_name[0] == '.' || entry->d_type != DT_DIR) continue;
      char procs[300];
      snprintf(procs, sizeof procs, "/sys/fs/cgroup/%s/cgroup.procs", entry->d_name);
      if (access(procs, F_OK) != 0) continue;
      snprintf(groups[group_count++], 300, "/sys/fs/cgroup/%.100s/%.100s", entry->d_name, name);
    }
    if (dir != NULL) closedir(dir);
  }
  for (int i = 0; i < group_count; i++) must(mkdir(groups[i], 0755));
}

static void join_groups(void) {
  for (int i = 0; i < group_count; i++) {
    char path[5200];
    if (strstr(groups[i], "/cpuset/") != NULL) {
      static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
      for (int f = 0; f < 2; f++) {
        char text[256];
        snprintf(path, sizeof path, "/sys/fs/cgroup/cpuset/%s", files[f]);
        int fd = open(path, O_RDONLY);
        ssize_t n = read(fd, text, sizeof text - 1);
        close(fd);
        text[n > 0 ? n : 0] = 0;
        snprintf(path, sizeof path, "%s/%s", groups[i], files[f]);
        put(path, text);
      }
    }
    snprintf(path, sizeof path, "%s/tasks", groups[i]);
    if (access(path, F_OK) != 0) snprintf(path, sizeof path, "%s/cgroup.procs", groups[i]);
    put(path, "0");
  }
}

static void mounts(void) {
  must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
}

static void node(const char *path, unsigned major, unsigned minor) {
  must(mknod(path, S_IFCHR | 0666, makedev(major, minor)));
  must(chmod(path, 0666));
}

static void build_root(const char *root) {
  must(mount(root, root, NULL, MS_BIND | MS_REC, NULL));
  must(chdir(root));
  must(mount("proc", "proc", "proc", 0, NULL));
  must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
  must(mkdir("dev/pts", 0755));
  must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"));
  must(mkdir("dev/shm", 0755));
  must(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k"));
  must(mkdir("dev/mqueue", 0755));
  must(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL));
  must(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL));
  node("dev/null", 1, 3);
  node("dev/zero", 1, 5);
  node("dev/full", 1, 7);
  node("dev/random", 1, 8);
  node("dev/urandom", 1, 9);
  node("dev/tty", 5, 0);
  must(symlink("/proc/self/fd", "dev/fd"));
  must(symlink("/proc/self/fd/0", "dev/stdin"));
  must(symlink("/proc/self/fd/1", "dev/stdout"));
  must(symlink("/proc/self/fd/2", "dev/stderr"));
  must(symlink("pts/ptmx", "dev/ptmx"));
  must(syscall(SYS_pivot_root, ".", "."));
  must(umount2(".", MNT_DETACH));
  must(chdir("/"));
}

static void mask(void) {
  static const char *const hidden[] = {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"};
  for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
    if (access(hidden[i], F_OK) == 0) must(mount("/dev/null", hidden[i], NULL, MS_BIND, NULL));
  if (access("/sys/firmware", F_OK) == 0) must(mount("tmpfs", "/sys/firmware", "tmpfs", MS_RDONLY, NULL));
  static const char *const fixed[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
    if (mount(fixed[i], fixed[i], NULL, MS_BIND | MS_REC, NULL) < 0) continue;
    must(mount(NULL, fixed[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
  }
  must(mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
}

static void loopback(void) {
  struct ifreq lo = {.ifr_name = "lo"};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  must(fd);
  lo.ifr_flags = IFF_UP;
  must(ioctl(fd, SIOCSIFFLAGS, &lo));
  close(fd);
}

static void confine(void) {
  const uint64_t keep = 1ULL << CAP_AUDIT_WRITE | 1ULL << CAP_KILL | 1ULL << CAP_NET_BIND_SERVICE;
  for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
    if (!(keep >> cap & 1) && prctl(PR_CAPBSET_READ, cap) == 1) must(prctl(PR_CAPBSET_DROP, cap));
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {
      {.effective = (uint32_t)keep, .permitted = (uint32_t)keep},
      {.effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32)},
  };
  must(syscall(SYS_capset, &header, data));
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {.len = 1, .filter = &allow};
  must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static int go(char **argv) {
  join_groups();
  must(unshare(CLONE_NEWCGROUP));
  must(sethostname("floor", 5));
  loopback();
  mounts();
  build_root(argv[1]);
  mask();
  must(setsid());
  struct rlimit files = {1024, 1024};
  must(setrlimit(RLIMIT_NOFILE, &files));
  confine();
  execv(argv[3], argv + 3);
  perror("floor: exec");
  return 127;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  make_groups(argv[2]);
  pid_t child = (pid_t)syscall(
      SYS_clone, CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
  must(child);
  if (child == 0) _exit(go(argv));
  int status;
  must(waitpid(child, &status, 0));
  for (int i = 0; i < group_count; i++)
    if (rmdir(groups[i]) < 0) perror(groups[i]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
