import { readText } from '@ctr-tools/host';
import type { LimitFact } from '../facts.ts';
import { type Eyes, maybe } from './quietly.ts';

/** What proc_pid_limits(5) calls each resource of getrlimit(2) (fs/proc/base.c, `lnames`). */
const names: Record<string, string> = {
  'cpu time': 'RLIMIT_CPU',
  'file size': 'RLIMIT_FSIZE',
  'data size': 'RLIMIT_DATA',
  'stack size': 'RLIMIT_STACK',
  'core file size': 'RLIMIT_CORE',
  'resident set': 'RLIMIT_RSS',
  processes: 'RLIMIT_NPROC',
  'open files': 'RLIMIT_NOFILE',
  'locked memory': 'RLIMIT_MEMLOCK',
  'address space': 'RLIMIT_AS',
  'file locks': 'RLIMIT_LOCKS',
  'pending signals': 'RLIMIT_SIGPENDING',
  'msgqueue size': 'RLIMIT_MSGQUEUE',
  'nice priority': 'RLIMIT_NICE',
  'realtime priority': 'RLIMIT_RTPRIO',
  'realtime timeout': 'RLIMIT_RTTIME',
};

/** Lines `Max open files   1024   4096   files`. */
export function parseLimits(text: string): LimitFact[] {
  return text.split('\n').flatMap((line) => {
    const [, name, soft, hard] = /^Max (.+?)\s{2,}(\S+)\s+(\S+)/.exec(line) ?? [];
    const type = names[name ?? ''];
    return type === undefined ? [] : [{ type, soft: soft!, hard: hard! }];
  });
}

/** The limits of a process, each with PID 1's where that differs. */
export function gatherLimits(pid: number, eyes: Eyes): LimitFact[] {
  const own = parseLimits(eyes.see('limits', () => readText(`/proc/${pid}/limits`)) ?? '');
  const first = parseLimits(maybe(() => readText('/proc/1/limits')) ?? '');
  return own.map((limit) => {
    const usual = first.find(({ type }) => type === limit.type);
    const same = !usual || (usual.soft === limit.soft && usual.hard === limit.hard);
    return same ? limit : { ...limit, usual: { soft: usual.soft, hard: usual.hard } };
  });
}
