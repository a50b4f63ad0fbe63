import { Failure } from '@ctr-tools/cli';
import type { Process, Spec } from '@ctr-tools/oci';
import { type AnyStep, slot, step, type Text } from '@ctr-tools/plan';
import { environmentSteps } from './environment.ts';
import type { ProcessFacts } from './gather.ts';
import { oomSteps, rlimitSteps } from './limits.ts';
import { schedulingSteps } from './scheduling.ts';
import { consoleSteps, keptDescriptors, sessionSteps } from './terminal.ts';

/** The umask of a container whose spec names none, as runc has it. */
const defaultUmask = 0o022;

/**
 * Pure: everything that makes the command's own process, its `exec` last. Throws a `Failure`
 * for a spec that says something impossible.
 */
export function processSteps(spec: Spec, facts: ProcessFacts): AnyStep[] {
  const process: Process = spec.process ?? { cwd: '' };
  return [
    ...oomSteps(spec, facts),
    ...consoleSteps(process, facts),
    ...sessionSteps(process, facts),
    ...umaskSteps(process, facts),
    ...rlimitSteps(process.rlimits ?? [], facts),
    ...schedulingSteps(spec, facts),
    ...cwdSteps(process, spec.linux?.maskedPaths ?? [], facts),
    ...environmentSteps(process, facts),
    ...commandSteps(process, facts),
  ];
}

function umaskSteps(process: Process, facts: ProcessFacts): AnyStep[] {
  const mask = process.user?.umask ?? (facts.mode === 'oci' ? defaultUmask : undefined);
  if (mask === undefined) return [];
  return [step('limits', 'umask', { mask }, `set the umask ${mask.toString(8).padStart(4, '0')}`)];
}

/** Why a container's directory can be missing, which was made unless the root could not be written. */
function lacksDirectory(cwd: string, maskedPaths: readonly string[]): string {
  const mask = maskedPaths.find((path) => cwd === path || cwd.startsWith(`${path}/`));
  return mask === undefined
    ? 'the root is read-only and lacks it'
    : `${mask} is hidden by linux.maskedPaths, with all that is in it`;
}

/**
 * The working directory. A container's is made where it is missing, as runc does, and entered
 * before the user is set, who may lack the right to; where only the user has it (a home on
 * NFS, say), it is entered as the user.
 */
function cwdSteps(process: Process, maskedPaths: readonly string[], facts: ProcessFacts): AnyStep[] {
  const { cwd } = process;
  const doing = `enter the working directory ${cwd}`;
  const hints = {
    ENOENT: facts.exec ? 'make it first, or name another' : lacksDirectory(cwd, maskedPaths),
    ENOTDIR: 'something on the way is not a directory',
    EACCES: 'neither root nor the user may enter it',
  };
  if (facts.mode === 'apply') {
    if (!cwd) return [];
    return [
      step('cwd', 'chdir', { path: cwd }, doing, {
        hints: { ENOTDIR: hints.ENOTDIR, EACCES: 'we may not enter it' },
      }),
    ];
  }
  if (!cwd.startsWith('/')) {
    throw new Failure(`process.cwd: "${cwd}" is not an absolute path, which config.md demands`);
  }
  const entered = slot('cwd.entered');
  const make = step(
    'devices',
    'mkdir_in',
    { root: slot('root'), path: cwd, mode: 0o755, uid: 0, gid: 0 },
    `make the working directory ${cwd}`,
    { unless: ['EEXIST', 'EROFS'] },
  );
  return [
    ...(facts.exec || cwd === '/' ? [] : [make]),
    step('limits', 'chdir_early', { path: cwd, entered }, doing, { hints }),
    step('cwd', 'chdir', { path: cwd, inside: 1, entered }, doing, { hints }),
  ];
}

/** What a shell would say of a command that cannot be had, in the words of Go, small letters and all, by which engines know it. */
function commandHints(file: string): Record<string, string> {
  return {
    ENOENT: file.includes('/') ? '=no such file or directory' : '=executable file not found in $PATH',
    EACCES: '=permission denied: it is not executable for this user, or lies on a noexec mount',
    ENOEXEC: '=exec format error: it is made for another machine, or empty, or a script without #!',
    E2BIG: 'arguments and environment together are too long',
  };
}

function commandSteps(process: Process, facts: ProcessFacts): AnyStep[] {
  const [file, ...rest] = process.args ?? [];
  if (file === undefined) throw new Failure('process.args: there is no command to run');
  const doing = `exec: "${file}"`;
  const hints = commandHints(file);
  if (facts.mode === 'apply')
    return [step('exec', 'exec', { file, argv: [file, ...rest] }, doing, { hints })];
  const found: Text = slot('command');
  const steps: AnyStep[] = [
    // Now, and not at `start`: a container that cannot run is not to be made.
    step('environment', 'find_command', { file, path: slot('command') }, doing, {
      hints,
      ...(facts.exits && { exit: facts.exits.notFound }),
    }),
    step('exec', 'exec_path', { path: found, argv: [file, ...rest], keep: keptDescriptors(facts) }, doing, {
      hints: { E2BIG: hints.E2BIG!, ENOEXEC: hints.ENOEXEC! },
      ...(facts.exits && { exit: facts.exits.notExecuted }),
    }),
  ];
  if (facts.awaitStart) {
    steps.push(step('await-start', 'await_start', { fd: slot('state.start') }, 'wait for start'));
  }
  return steps;
}
