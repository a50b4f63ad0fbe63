/** A container made of this room, packages/rootfs and one clone: the least that shows whether both do their work. */
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerContext, Host } from '@ctr-tools/cli';
import { defaultSpec, type IDMapping, type NamespaceType, type Spec } from '@ctr-tools/oci';
import {
  type AnyStep,
  compile,
  encode,
  explainCall,
  inOrder,
  type Manner,
  peer,
  slot,
  step,
  template,
} from '@ctr-tools/plan';
import { CLONE } from '@ctr-tools/sys/constants';
import { type Ended, type RunOptions, run, tempDir, top } from '../../../../test/support.ts';
import { gatherProcess, type ProcessSituation, processSteps } from '../../src/index.ts';

/** The launcher just made; the built one where the build has put it. */
export const launcher = process.env.CTR_TEST_LAUNCHER ?? join(top, 'native/build/core/ctr-launcher');

export const container: ContainerContext = {
  id: 'ctr-test',
  bundle: '/bundle',
  directory: '/run/ctr-test',
  lifetime: 'command',
  systemdCgroup: false,
  noPivot: false,
  noNewKeyring: false,
  preserveFds: 0,
  state: () => template``,
};

/** A caller at a shell: root, three descriptors, no terminal. */
export function hostOf(change: Partial<Host> = {}): Host {
  return {
    tool: 'ctr-run',
    argv: [],
    env: new Map(),
    pid: process.pid,
    ppid: process.ppid,
    uid: 0,
    euid: 0,
    gid: 0,
    egid: 0,
    umask: 0o22,
    fds: [0, 1, 2],
    tty: [false, false, false],
    columns: 80,
    rows: 24,
    launcher,
    cwd: '/',
    ...change,
  } as Host;
}

/** Steps as text, in the order in which they will be done: phase, side, operation. */
export function told(steps: readonly AnyStep[]): string {
  return inOrder(steps)
    .map((s) => {
      const unless = s.unless ? `   [unless ${s.unless.join(' ')}]` : '';
      return `${s.phase.padEnd(13)} ${s.side.padEnd(9)} ${explainCall(s.op, s.args as never)}${unless}\n`;
    })
    .join('');
}

/** A bundle whose root holds a busybox; `applets` become links to it. */
export function busyboxBundle(applets: readonly string[] = []): string {
  const bundle = tempDir('bundle');
  const root = join(bundle, 'rootfs');
  for (const directory of ['bin', 'etc', 'tmp', 'home/ada'])
    mkdirSync(join(root, directory), { recursive: true });
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  for (const name of [
    'sh',
    'cat',
    'ls',
    'id',
    'env',
    'stat',
    'sed',
    'grep',
    'readlink',
    'head',
    ...applets,
  ]) {
    symlinkSync('busybox', join(root, 'bin', name));
  }
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n',
  );
  return bundle;
}

/** The default document without a terminal, running a line of shell. */
export function shellSpec(line: string, change: (spec: Spec) => void = () => {}): Spec {
  const spec = defaultSpec();
  spec.process = { ...spec.process!, terminal: false, args: ['/bin/sh', '-c', line] };
  change(spec);
  return spec;
}

const cloneFlags: Partial<Record<NamespaceType, number>> = {
  pid: CLONE.NEWPID,
  network: CLONE.NEWNET,
  mount: CLONE.NEWNS,
  ipc: CLONE.NEWIPC,
  uts: CLONE.NEWUTS,
  user: CLONE.NEWUSER,
  cgroup: CLONE.NEWCGROUP,
};

/** The clone and what stays with it; in a user namespace root is the host's and there is nobody else. */
export function cloneSteps(spec: Spec): AnyStep[] {
  const kinds = (spec.linux?.namespaces ?? []).map((n) => n.type);
  const flags = kinds.reduce((all, kind) => all | (cloneFlags[kind] ?? 0), 0);
  const pid = slot('child.pid');
  const pidfd = slot('child.pidfd');
  const host = { side: 'host' } as const;
  const map = (file: string, data: string): AnyStep =>
    step('user', 'write', { path: template`/proc/${pid}/${file}`, data }, `write ${file}`, host);
  const lines = (maps: readonly IDMapping[] = []): string =>
    maps.map((m) => `${m.containerID} ${m.hostID} ${m.size}\n`).join('');
  const mapping = kinds.includes('user')
    ? [
        map('uid_map', lines(spec.linux?.uidMappings)),
        map('gid_map', lines(spec.linux?.gidMappings)),
        step('user', 'notify', { process: -1, point: 2 }, 'say so', host),
        step('user', 'await', { process: -1, point: 2 }, 'wait for the maps'),
        step('user', 'setgid', { gid: 0 }, 'become root'),
        step('user', 'setuid', { uid: 0 }, 'become root'),
      ]
    : [];
  return [
    step('clone', 'clone', { process: peer, flags, cgroup: -1, pid, pidfd }, 'start the process', host),
    ...mapping,
    step('supervise', 'supervise', { process: peer, pid, pidfd, ending: 'by_code' }, 'stay', host),
  ];
}

export const manner: Manner = { tool: 'test', exit: 125 };

/** Steps of one link, encoded in a file. */
export function planOf(steps: readonly AnyStep[]): string {
  const plan = join(tempDir('plan'), 'plan');
  writeFileSync(plan, encode(compile([steps], manner)));
  return plan;
}

/** Carry steps out in one link by the real launcher. */
export const carryOut = (steps: readonly AnyStep[], options: RunOptions = {}): Ended =>
  run(launcher, ['--plan', planOf(steps)], options);

/** This room's steps for a container of that bundle. */
export function processOf(
  spec: Spec,
  bundle: string,
  situation: ProcessSituation = {},
  change: Partial<Host> = {},
) {
  const host = hostOf({ container: { ...container, bundle }, ...change });
  return processSteps(spec, gatherProcess(spec, host, situation));
}

/** The same bundle and spec under runc, or undefined where there is none. */
export function underRunc(spec: Spec, bundle: string, options: RunOptions = {}): Ended {
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
  const state = tempDir('runc');
  return run('runc', ['--root', state, 'run', '--bundle', bundle, `ctr-test-${process.pid}`], options);
}
