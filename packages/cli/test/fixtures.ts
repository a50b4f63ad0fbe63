import { optionalSlot, slot, step, undo } from '@ctr-tools/plan';
import { argsOf, defineTool } from '../src/define.ts';
import type { Host } from '../src/host.ts';
import type { Command, Siblings, Tool } from '../src/tool.ts';

/** A host as the launcher tells of it. */
export function hostOf(tool: string, argv: readonly string[], changed: Partial<Host> = {}): Host {
  return {
    tool,
    argv,
    env: new Map([['PATH', '/usr/bin:/bin']]),
    pid: 4242,
    ppid: 1,
    uid: 0,
    euid: 0,
    gid: 0,
    egid: 0,
    umask: 0o22,
    fds: [0, 1, 2],
    tty: [false, false, false],
    columns: 80,
    rows: 24,
    launcher: '/opt/ctr/bin/launcher',
    cwd: '/',
    ...changed,
  };
}

interface NameOptions {
  hostname: string;
}

/** A tool that sets a host name: the smallest that has all three verbs. */
export const nameTool = defineTool<NameOptions, undefined>({
  meta: { name: 'ns-enter', description: 'set the host name' },
  usage: ['[FLAGS] [--] COMMAND [ARG...]'],
  command: 'first-operand',
  args: argsOf([
    { name: 'hostname', alias: ['n'], valueHint: 'NAME', description: 'the name', env: 'CTR_NAME' },
    { name: 'keep', description: 'leave it', applyOnly: true },
    { name: 'show', valueHint: '[WHAT]', act: 'asks', operands: 3, description: 'show the name' },
    { name: 'drop', act: 'asks', description: 'drop the name' },
    { name: 'learn', act: 'asks', takesCommand: true, description: 'watch a command' },
  ]),
  examples: [['ns-enter --hostname box -- sh', 'a shell on a host named box']],
  options: (parsed) => ({ hostname: parsed.flags.get('hostname')?.[0] ?? '' }),
  gather: () => undefined,
  amend: (spec, { hostname }) => (hostname === '' ? spec : { ...spec, hostname }),
  steps: ({ hostname }) =>
    hostname === undefined
      ? []
      : [
          step('identity', 'hostname', { name: hostname }, `set the host name ${hostname}`),
          step('environment', 'setenv', { name: 'CTR_NAME', value: hostname }, 'set CTR_NAME'),
        ],
  act: (name, _options, parsed) => (name === 'show' ? parsed.operands.length : 7),
});

interface DirOptions {
  dir: string;
}

/** A tool that makes a directory and must stay to remove it. */
export const dirTool = defineTool<DirOptions, undefined>({
  meta: { name: 'cg-limit', description: 'make a directory for the command' },
  usage: ['--dir DIR [--] COMMAND'],
  command: 'first-operand',
  args: argsOf([{ name: 'dir', valueHint: 'DIR', description: 'the directory' }]),
  examples: [],
  options: (parsed) => ({ dir: parsed.flags.get('dir')?.[0] ?? '/tmp/x' }),
  gather: () => undefined,
  amend: (spec, { dir }) => ({ ...spec, annotations: { dir } }),
  steps: ({ annotations }) => {
    const path = annotations?.dir ?? '/tmp/x';
    return [
      step('cgroup', 'mkdir', { path, mode: 0o755 }, `make ${path}`, {
        side: 'host',
        undo: undo('end', 'remove', { path, what: 'directory' }, `remove ${path}`),
      }),
    ];
  },
  stays: () => true,
});

/** A tool that makes a new PID namespace, as a clone of its own. */
export const pidTool = defineTool<undefined, undefined>({
  ...(nameTool as unknown as Tool<undefined, undefined>),
  meta: { name: 'caps-drop', description: 'make a PID namespace' },
  args: {},
  options: () => undefined,
  amend: (spec) => spec,
  steps: () => [
    step(
      'clone',
      'clone',
      {
        process: -1,
        flags: 0x20000000,
        cgroup: optionalSlot('cgroup'),
        pid: slot('child.pid'),
        pidfd: slot('child.pidfd'),
      },
      'start a PID namespace',
      { side: 'host' },
    ),
  ],
});

export const siblingsOf =
  (...commands: Command[]): Siblings =>
  async (name) =>
    commands.find((command) => command.meta.name === name);
