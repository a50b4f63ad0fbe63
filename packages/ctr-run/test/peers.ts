/** ctr-run and its peers under one roof: each test runs the same container under all that are here. */
import { readFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import {
  type Ended,
  findCommand,
  type RunOptions,
  run,
  slower,
  tempDir,
  toolPath,
} from '../../../test/support.ts';
import { makeBundle, testId } from './bundles.ts';

export type PeerName = 'ctr-run' | 'runc' | 'crun';

/** crun takes no hybrid cgroups; in a mount namespace without the second hierarchy it sees none. */
export const withoutUnified = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"',
  'sh',
];

/** The words that call it, from which its own follow; `through` those of a program that becomes it. */
export const callOf = (name: PeerName, through: readonly string[] = []): string[] => {
  if (name === 'ctr-run') return [...through, toolPath('ctr-run')];
  const path = findCommand(name) ?? name;
  return name === 'crun' ? [...withoutUnified, ...through, path] : [...through, path];
};

const atLeast = (have: readonly number[], least: readonly number[]): boolean => {
  const at = least.findIndex((n, i) => n !== (have[i] ?? 0));
  return at < 0 || (have[at] ?? 0) > least[at]!;
};

/** ctr-run, and those peers that are installed in a version that has what is tested; an emulated machine has no time for them. */
export function beside(since: Partial<Record<'runc' | 'crun', string>>): PeerName[] {
  const peers = (Object.entries(since) as ['runc' | 'crun', string][]).filter(([name, least]) => {
    if (slower > 1 || findCommand(name) === undefined) return false;
    const [, version = '0'] = / version (\d+(?:\.\d+)*)/.exec(run(name, ['--version']).stdout) ?? [];
    return atLeast(version.split('.').map(Number), least.split('.').map(Number));
  });
  return ['ctr-run', ...peers.map(([name]) => name)];
}

/** A bundle that old peers take too: of an old version, without what they warn of. */
export const commonBundle = (args: readonly string[], change: (spec: Spec) => void = () => {}): string =>
  makeBundle(args, (spec) => {
    spec.ociVersion = '1.0.2';
    delete spec.process!.capabilities!.ambient;
    change(spec);
  });

/** Call a runtime; its words on stdout and stderr go to files, which no container can keep open. */
export function call(
  name: PeerName,
  argv: readonly string[],
  options: RunOptions & { through?: string[] } = {},
): Ended {
  const { through = [], ...rest } = options;
  const out = tempDir('out');
  const line = 'out=$1; shift; exec "$@" >"$out/1" 2>"$out/2"';
  const ended = run('/bin/sh', ['-c', line, 'sh', out, ...callOf(name, through), ...argv], rest);
  return { ...ended, stdout: readFileSync(`${out}/1`, 'utf8'), stderr: readFileSync(`${out}/2`, 'utf8') };
}

/** Have a container while `during` looks at it, and take it away. */
export async function whileThere<T>(
  name: PeerName,
  argv: readonly string[],
  during: (id: string) => T | Promise<T>,
  options: Parameters<typeof call>[2] = {},
): Promise<T> {
  const id = testId();
  const made = call(name, [...argv, id], options);
  try {
    if (made.status !== 0) throw new Error(`${name} ${argv.join(' ')}: ${made.stderr}`);
    return await during(id);
  } finally {
    call(name, ['delete', '--force', id]);
  }
}
