/**
 * Our default profile: what a container may not do to its host, beside what namespaces,
 * capabilities and seccomp forbid already. It allows files, capabilities and networks, and
 * denies the ways around: kernel files in /proc and /sys, mounting, and ptrace and signals
 * of whoever is under another profile. apparmor.d(5).
 *
 * In a pattern * ends at a slash and [^a] may be any other character; a negated word has
 * to be spelt out letter by letter.
 */
export interface TemplateOptions {
  name: string;
  /** Nothing is denied, and what would be is logged. */
  complain: boolean;
  /** Whether /etc/apparmor.d has them; the profile does without where not. */
  abi: boolean;
  tunables: boolean;
  base: boolean;
}

/** Profiles under which programs run that stop containers; Ubuntu ships some, all with `flags=(unconfined)`. */
const managers = ['runc', 'crun', 'podman', 'buildah', 'dockerd', 'containerd', 'ctr-run'];

const quote = (name: string): string =>
  /^[\w.+-]+$/.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`;

export function renderProfile({ name, complain, abi, tunables, base }: TemplateOptions): string {
  const self = quote(name);
  const flags = ['attach_disconnected', 'mediate_deleted', ...(complain ? ['complain'] : [])].join(',');
  const text = `# Made by aa-confine; load with aa-confine --load.
${abi ? 'abi <abi/3.0>,\n' : ''}${tunables ? 'include <tunables/global>\n' : '@{PROC}=/proc/\n'}
profile ${self} flags=(${flags}) {
${base ? '  include <abstractions/base>\n' : ''}
  file,
  capability,
  network,
  umount,

  # Among themselves; and whoever manages them may stop and look at them.
  signal (send, receive) peer=${self},
  signal (receive) peer=unconfined,
  signal (receive) peer={${managers.join(',')}},
  ptrace (trace, read, tracedby, readby) peer=${self},
  ptrace (readby) peer=unconfined,

  # Mounting could put anything anywhere, over the files below as well.
  deny mount,

  # /proc: nothing is written but in the directories of processes, and System V shared
  # memory's limits, which belong to the IPC namespace.
  deny @{PROC}/* w,
  deny @{PROC}/[^0-9s/]*/** w,
  deny @{PROC}/s[^y/]*/** w,
  deny @{PROC}/sy[^s/]*/** w,
  deny @{PROC}/sys[^/]*/** w,
  deny @{PROC}/sys/[^k]** w,
  deny @{PROC}/sys/k[^e]** w,
  deny @{PROC}/sys/kernel/[^s]** w,
  deny @{PROC}/sys/kernel/s[^h]** w,
  deny @{PROC}/sys/kernel/sh[^m]** w,
  deny @{PROC}/{sysrq-trigger,kcore,mem,kmem} rwklx,

  # /sys: nothing is written but below fs/cgroup.
  deny /sys/[^f/]*/** wklx,
  deny /sys/f[^s/]*/** wklx,
  deny /sys/fs/[^c/]*/** wklx,
  deny /sys/fs/c[^g/]*/** wklx,
  deny /sys/fs/cg[^r/]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;
  return complain ? trial(text) : text;
}

/**
 * A denial that is written out holds in complain mode too: the kernel quiets it, and returns the
 * error before it looks at the mode (security/apparmor/file.c, aa_audit_file). So for a trial it
 * becomes a permission that is logged. To be allowed, an execution must say how: ix.
 */
const trial = (text: string): string =>
  text.replace(
    /^( *)deny (.*?)(x?),$/gm,
    (_, indent, rule, exec) => `${indent}audit ${rule}${exec && 'ix'},`,
  );
