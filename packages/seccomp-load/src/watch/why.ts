/** For `ctr-run run --why`: a container's filter asks an agent, which answers as the profile would and tells what it refused. On Node. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Failure, type Host } from '@ctr-tools/cli';
import { agentSteps, meeting } from '@ctr-tools/cli/agent';
import { type LinuxSeccomp, serializeJson } from '@ctr-tools/oci';
import type { AnyStep } from '@ctr-tools/plan';
import { permits, returnValue } from '../actions.ts';
import { notifies } from '../compiler.ts';
import { ENOSYS } from '../errno.ts';
import { machine } from '../facts.ts';
import { normalize } from '../profile/normalize.ts';
import { startCallAgent } from './attach.ts';
import { beginning } from './refused.ts';

const NOTIFY = 'SCMP_ACT_NOTIFY';
const asks = (action: string): string => (permits(returnValue(action, undefined)) ? action : NOTIFY);

/** Pure. The section that has `socket` asked about each call that `seccomp` refuses, and lets the others pass as it does. */
export function askingSection(seccomp: LinuxSeccomp, socket: string): LinuxSeccomp {
  const defaultAction = asks(seccomp.defaultAction) as LinuxSeccomp['defaultAction'];
  const rules = (seccomp.syscalls ?? []).map(({ errnoRet, ...rule }) => {
    const action = asks(rule.action) as typeof rule.action;
    const names = rule.names.filter((name) => !beginning.includes(name));
    return { ...rule, names, action, ...(errnoRet !== undefined && action !== NOTIFY && { errnoRet }) };
  });
  const { defaultErrnoRet: _errno, ...rest } = seccomp;
  return {
    ...rest,
    defaultAction,
    // Of calls above the largest that is named the agent is asked too: it knows that they fail with ENOSYS.
    ...(defaultAction === NOTIFY && { defaultErrnoRet: ENOSYS }),
    listenerPath: socket,
    syscalls: [{ names: [...beginning], action: NOTIFY }, ...rules.filter((rule) => rule.names.length > 0)],
  };
}

/** Start the agent for a container's profile, or with `planned` nothing. The section to load in its place, and the steps that go with it. Throws `Failure`. */
export function watchCalls(
  seccomp: LinuxSeccomp,
  host: Host,
  planned: boolean,
): { seccomp: LinuxSeccomp; steps: readonly AnyStep[] } {
  if (notifies(normalize(seccomp, machine())))
    throw new Failure('--why: the seccomp profile asks a supervisor of its own (SCMP_ACT_NOTIFY)');
  const watchedAt = (directory: string) => ({
    seccomp: askingSection(seccomp, meeting(directory).socket),
    steps: agentSteps(directory, 'seccomp'),
  });
  if (planned) return watchedAt('/tmp/seccomp-load-XXXXXX');
  const directory = mkdtempSync('/tmp/seccomp-load-');
  // The agent reads the profile and removes it, directory and all.
  const place = mkdtempSync('/tmp/seccomp-load-');
  try {
    const file = `${place}/profile.json`;
    writeFileSync(file, serializeJson(seccomp));
    startCallAgent([file, '--why'], directory, host);
  } catch (error) {
    for (const made of [directory, place]) rmSync(made, { recursive: true, force: true });
    throw error;
  }
  return watchedAt(directory);
}
