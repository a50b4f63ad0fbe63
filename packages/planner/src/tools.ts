/** Every tool of this installation, in the order in which the documentation names them. */
import type { Command, Siblings } from '@ctr-tools/cli';

const tools: Record<string, () => Promise<Command>> = {
  'ns-enter': async () => (await import('@ctr-tools/ns-enter')).nsEnter as Command,
  'cg-limit': async () => (await import('@ctr-tools/cg-limit')).cgLimit as Command,
  'ufs-mount': async () => (await import('@ctr-tools/ufs-mount')).ufsMount as Command,
  'caps-drop': async () => (await import('@ctr-tools/caps-drop')).capsDrop as Command,
  'seccomp-load': async () => (await import('@ctr-tools/seccomp-load')).seccompLoad as Command,
  'aa-confine': async () => (await import('@ctr-tools/aa-confine')).aaConfine as Command,
  'ctr-run': async () => (await import('@ctr-tools/ctr-run')).ctrRun as Command,
};

/**
 * Other tools' names, and which of ours takes their command lines when a link of that name leads to it. The launcher
 * seals itself for a name that it does not know (native/src/launcher/main.c, waits_for_plan), which costs time alone.
 */
export const aliasNames: Readonly<Record<string, string>> = {
  nsenter: 'ns-enter',
  unshare: 'ns-enter',
  lsns: 'ns-enter',
  setpriv: 'caps-drop',
  capsh: 'caps-drop',
};

export const toolNames: readonly string[] = Object.keys(tools);

export const siblings: Siblings = Object.assign(
  async (name: string) => (Object.hasOwn(tools, name) ? tools[name]?.() : undefined),
  { names: toolNames },
);
