import { SECCOMP_RET, SECCOMP_RET_ACTION_FULL, SECCOMP_RET_DATA } from '@ctr-tools/sys/constants';
import { errnoName } from './errno.ts';

/** Profile actions and what the filter returns for them, without errno (seccomp_rule_add(3), runc's `getAction`). */
const returns: Record<string, number> = {
  SCMP_ACT_KILL: SECCOMP_RET.KILL_THREAD,
  SCMP_ACT_KILL_THREAD: SECCOMP_RET.KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: SECCOMP_RET.KILL_PROCESS,
  SCMP_ACT_TRAP: SECCOMP_RET.TRAP,
  SCMP_ACT_ERRNO: SECCOMP_RET.ERRNO,
  SCMP_ACT_TRACE: SECCOMP_RET.TRACE,
  SCMP_ACT_ALLOW: SECCOMP_RET.ALLOW,
  SCMP_ACT_LOG: SECCOMP_RET.LOG,
  SCMP_ACT_NOTIFY: SECCOMP_RET.USER_NOTIF,
};

/** EPERM, the errno where a profile names none (config-linux.md, `errnoRet`). */
const EPERM = 1;

/** Whether an action carries an errno (for a tracer: a message). */
export const takesErrno = (action: string): boolean =>
  action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE';

/** The 32 bits that a filter returns for a profile's action. */
export function returnValue(action: string, errno: number | undefined): number {
  const base = returns[action]!;
  return takesErrno(action) ? (base | ((errno ?? EPERM) & SECCOMP_RET_DATA)) >>> 0 : base;
}

const words = new Map<number, string>([
  [SECCOMP_RET.KILL_PROCESS, 'kill_process'],
  [SECCOMP_RET.KILL_THREAD, 'kill_thread'],
  [SECCOMP_RET.TRAP, 'trap'],
  [SECCOMP_RET.ERRNO, 'errno'],
  [SECCOMP_RET.USER_NOTIF, 'user_notif'],
  [SECCOMP_RET.TRACE, 'trace'],
  [SECCOMP_RET.LOG, 'log'],
  [SECCOMP_RET.ALLOW, 'allow'],
]);

/** The action part as the kernel spells it in /proc/sys/kernel/seccomp/actions_avail. */
export function actionWord(value: number): string {
  const action = (value & SECCOMP_RET_ACTION_FULL) >>> 0;
  // An action that the kernel does not know kills the process (seccomp(2)).
  return words.get(action) ?? `unknown 0x${action.toString(16)}`;
}

/** `allow`, `errno EPERM`, `trace 7`: a filter's answer for people. */
export function describeReturn(value: number): string {
  const word = actionWord(value);
  const data = value & SECCOMP_RET_DATA;
  if (word === 'errno') return `errno ${errnoName(data)}`;
  return data === 0 ? word : `${word} ${data}`;
}

/** Whether a call that gets this answer is carried out in the end (or may be, by a tracer). */
export function permits(value: number): boolean {
  const action = (value & SECCOMP_RET_ACTION_FULL) >>> 0;
  return action === SECCOMP_RET.ALLOW || action === SECCOMP_RET.LOG || action === SECCOMP_RET.TRACE;
}
