import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultSpec, rootlessSpec } from '../src/runtime/defaults.ts';
import { features } from '../src/runtime/features.ts';
import type { Features, Spec } from '../src/runtime/types.ts';
import { readSpec } from '../src/runtime/validate.ts';

const runc = (() => {
  try {
    return execFileSync('runc', ['--version'], { encoding: 'utf8' });
  } catch {
    return undefined;
  }
})();

function runcSpec(...flags: string[]): Spec {
  const bundle = mkdtempSync(join(tmpdir(), 'ctr-test-spec-'));
  try {
    execFileSync('runc', ['spec', '--bundle', bundle, ...flags]);
    return readSpec(readFileSync(join(bundle, 'config.json'))).value;
  } finally {
    rmSync(bundle, { recursive: true });
  }
}

/** Our document with each difference from runc's that has a reason taken back. */
function asRunc(ours: Spec, theirs: Spec): Spec {
  const added = new Set(['/proc/interrupts', '/sys/devices/virtual/powercap']);
  const their = theirs.linux!.maskedPaths!;
  return {
    ...ours,
    // The version is that of the text each was written against.
    ociVersion: theirs.ociVersion,
    hostname: theirs.hostname!,
    process: {
      ...ours.process!,
      // runc 1.1 lists ambient capabilities that cannot become ambient, since none is inheritable; 1.2 does no more.
      capabilities: {
        ...ours.process!.capabilities,
        ...(theirs.process!.capabilities!.ambient && { ambient: theirs.process!.capabilities!.ambient }),
      },
    },
    linux: {
      ...ours.linux!,
      // runc asks for a cgroup namespace only on a host with nothing but cgroup v2.
      namespaces: ours.linux!.namespaces!.filter(
        (n) => n.type !== 'cgroup' || theirs.linux!.namespaces!.some((t) => t.type === 'cgroup'),
      ),
      // Two paths that later versions of runc and Docker hide as well; the order has no meaning.
      maskedPaths: ours
        .linux!.maskedPaths!.filter((path) => !added.has(path) || their.includes(path))
        .toSorted((a, b) => their.indexOf(a) - their.indexOf(b)),
    },
  };
}

describe.skipIf(!runc)('beside runc spec', () => {
  it('the default document differs only where it says why', () => {
    const theirs = runcSpec();
    expect(asRunc(defaultSpec(), theirs)).toEqual(theirs);
  });

  it('so does the rootless one', () => {
    const theirs = runcSpec('--rootless');
    const ours = rootlessSpec({ uid: process.geteuid!(), gid: process.getegid!() });
    expect(asRunc(ours, theirs)).toEqual(theirs);
  });

  it('features has all that runc features has', () => {
    const theirs = JSON.parse(execFileSync('runc', ['features'], { encoding: 'utf8' })) as Features;
    const ours = features();
    // runc 1.1 took these for flags, which was a mistake (opencontainers/runc#3738).
    const mistaken = ['acl', 'noacl'];
    const lacks = (a: string[] = [], b: string[] = []) =>
      b.filter((x) => !a.includes(x) && !mistaken.includes(x));
    expect(lacks(ours.mountOptions, theirs.mountOptions)).toEqual([]);
    expect(lacks(ours.hooks, theirs.hooks)).toEqual([]);
    expect(lacks(ours.linux!.namespaces, theirs.linux!.namespaces)).toEqual([]);
    expect(lacks(ours.linux!.capabilities, theirs.linux!.capabilities)).toEqual([]);
    expect(lacks(ours.linux!.seccomp!.actions, theirs.linux!.seccomp!.actions)).toEqual([]);
    expect(lacks(ours.linux!.seccomp!.operators, theirs.linux!.seccomp!.operators)).toEqual([]);
  });
});
