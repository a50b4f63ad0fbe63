import { closeSync, existsSync, openSync, readSync, writeFileSync } from 'node:fs';
import { eventfd, POLL, pidfdOpen, pollFds } from '@ctr-tools/sys';
import type { Found } from '../state/record.ts';

/** Waits for what happens to a container, at no cost while nothing does. */
export interface Attention {
  /**
   * Wait until a process of the container may have been killed for lack of memory, its first
   * process has ended, or the time is over (milliseconds). Tells whether the kernel reported
   * a lack of memory.
   */
  wait(timeout: number): boolean;
  close(): void;
}

/**
 * A pidfd for the container's end, and the kernel's own notice of a lack of memory: v1 counts
 * up an eventfd that was entered in cgroup.event_control (memory.rst, 10 OOM Control); v2
 * wakes who polls memory.events (cgroup-v2.rst, memory.events; kernfs gives POLLPRI until the
 * file is read again).
 */
export function attentionTo({ pid, cgroup }: Found): Attention {
  const process = pidfdOpen(pid!);
  const { memory, unified } = cgroup?.paths ?? {};
  const notice =
    memory !== undefined ? v1Notice(memory) : unified !== undefined ? v2Notice(unified) : undefined;
  return {
    wait(timeout) {
      const fds: [number, number][] = [[process, POLL.IN]];
      if (notice) fds.push([notice.fd, notice.events]);
      const [, told = 0] = pollFds(fds, timeout);
      return told !== 0 && notice!.read();
    },
    close() {
      closeSync(process);
      notice?.close();
    },
  };
}

interface Notice {
  fd: number;
  events: number;
  /** Take note of it; whether it was one. */
  read(): boolean;
  close(): void;
}

function v1Notice(group: string): Notice | undefined {
  const fd = eventfd();
  const control = openSync(`${group}/memory.oom_control`, 'r');
  const at = `${group}/cgroup.event_control`;
  try {
    writeFileSync(at, `${fd} ${control}`);
  } catch {
    // A kernel whose v1 no longer has it (CONFIG_MEMCG_V1): the statistics still count the kills.
    closeSync(fd);
    closeSync(control);
    return undefined;
  }
  return {
    fd,
    events: POLL.IN,
    read() {
      readSync(fd, Buffer.alloc(8));
      // Removing the group counts it up as well.
      return existsSync(at);
    },
    close() {
      closeSync(fd);
      closeSync(control);
    },
  };
}

function v2Notice(group: string): Notice | undefined {
  let fd: number;
  try {
    fd = openSync(`${group}/memory.events`, 'r');
  } catch {
    return undefined; // no memory controller in this group
  }
  const kills = (): number => {
    const text = Buffer.alloc(4096);
    try {
      const length = readSync(fd, text, 0, text.length, 0);
      return Number(/^oom_kill (\d+)$/m.exec(text.toString('latin1', 0, length))?.[1] ?? 0);
    } catch {
      return 0; // the group is gone (ENODEV)
    }
  };
  let before = kills();
  return {
    fd,
    events: POLL.PRI,
    read() {
      const now = kills();
      const more = now > before;
      before = now;
      return more;
    },
    close: () => closeSync(fd),
  };
}
