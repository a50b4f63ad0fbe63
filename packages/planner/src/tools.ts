/** Every tool of this installation, by its name. */
import { type Command, isToolName, type Siblings, type ToolName, toolNames } from '@ctr-tools/cli';

const tools: Record<ToolName, () => Promise<Command>> = {
  'ns-enter': async () => (await import('@ctr-tools/ns-enter')).nsEnter as Command,
  'cg-limit': async () => (await import('@ctr-tools/cg-limit')).cgLimit as Command,
  'ufs-mount': async () => (await import('@ctr-tools/ufs-mount')).ufsMount as Command,
  'caps-drop': async () => (await import('@ctr-tools/caps-drop')).capsDrop as Command,
  'seccomp-load': async () => (await import('@ctr-tools/seccomp-load')).seccompLoad as Command,
  'aa-confine': async () => (await import('@ctr-tools/aa-confine')).aaConfine as Command,
  'net-join': async () => (await import('@ctr-tools/net-join')).netJoin as Command,
  'img-pull': async () => (await import('@ctr-tools/img-pull')).imgPull as Command,
  'ctr-run': async () => (await import('@ctr-tools/ctr-run')).ctrRun as Command,
};

export const siblings: Siblings = Object.assign(
  async (name: string) => (isToolName(name) ? tools[name]() : undefined),
  { names: toolNames },
);
