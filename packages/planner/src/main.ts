/**
 * The planner: the launcher of every tool starts this program, which does what the one tool does
 * that was called.
 */
import {
  type Command,
  Failure,
  type Host,
  readRequest,
  report,
  runCommand,
  type Siblings,
} from '@ctr-tools/cli';
import { basename } from '@ctr-tools/host';

const tools: Record<string, () => Promise<Command>> = {
  'ns-enter': async () => (await import('@ctr-tools/ns-enter')).nsEnter as Command,
  'cg-limit': async () => (await import('@ctr-tools/cg-limit')).cgLimit as Command,
  'ufs-mount': async () => (await import('@ctr-tools/ufs-mount')).ufsMount as Command,
  'caps-drop': async () => (await import('@ctr-tools/caps-drop')).capsDrop as Command,
  'seccomp-load': async () => (await import('@ctr-tools/seccomp-load')).seccompLoad as Command,
  'aa-confine': async () => (await import('@ctr-tools/aa-confine')).aaConfine as Command,
  'ctr-run': async () => (await import('@ctr-tools/ctr-run')).ctrRun as Command,
};

const siblings: Siblings = async (name) => (Object.hasOwn(tools, name) ? tools[name]?.() : undefined);

/**
 * The tool that was called. One file is all of them, so a name that none of them has (an engine knows its
 * runtime as `runc`) is the tool whose file the link leads to, or, for a copy of the file, the runtime.
 */
export function calledAs({ tool, launcher }: Pick<Host, 'tool' | 'launcher'>): string {
  if (Object.hasOwn(tools, tool)) return tool;
  const file = basename(launcher);
  if (Object.hasOwn(tools, file)) return file;
  return file === 'ctr-launcher' ? tool : 'ctr-run';
}

/** Read the request, do what it asks, and hand over the plan if there is one; the exit code. */
export async function main(): Promise<number> {
  let host: Host;
  try {
    host = readRequest();
    host.tool = calledAs(host);
  } catch (error) {
    return report(error, { tool: 'ctr-planner', argv: [] });
  }
  try {
    const command = await siblings(host.tool);
    if (command) return await runCommand(command, host, siblings);
    throw new Failure(`there is no tool of this name; there are ${Object.keys(tools).join(', ')}`);
  } catch (error) {
    return report(error, host);
  }
}
