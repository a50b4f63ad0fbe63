/** Entering a root to run a command in it: `ufs-mount SOURCE… -- COMMAND`. */
import { type AnyStep, slot, step, template } from '@ctr-tools/plan';
import { CLONE, MS } from '@ctr-tools/sys/constants';
import { layersUndo } from './layers-request.ts';
import { storeSteps, unlockSteps } from './layers-step.ts';
import { overlaySteps } from './overlay-steps.ts';
import type { RootFacts } from './root-facts.ts';
import { below } from './text.ts';

const root = slot('root');

/** What a command finds of the kernel: the machine's own, for its namespaces are the machine's. */
const shown = ['/proc', '/sys', '/dev'];

/** Mount the root in a mount namespace of the command's own, and enter it. */
export function commandSteps(facts: RootFacts): AnyStep[] {
  const inside = facts.driver.name === 'overlay';
  return [
    ...storeSteps(facts.store),
    ...facts.driver.layers(facts),
    ...(inside ? [] : [...outsideSteps(facts), ...unlockSteps()]),
    ...unshareSteps(facts),
    step(
      'root',
      'propagation',
      { path: '/', flags: MS.SLAVE | MS.REC },
      "cut the mounts off from the machine's",
    ),
    ...(inside
      ? overlaySteps(facts, `${facts.store.path}/mnt`)
      : [
          step(
            'root',
            'root_mount',
            { path: template`${slot('root.dir')}/root`, root },
            'make the tree the root',
          ),
        ]),
    ...shown.map((path) => showStep(path)),
    step('pivot', 'change_root', { root }, 'change the root'),
    step('environment', 'unsetenv', { name: 'CTR_ROOTFS' }, 'drop CTR_ROOTFS'),
  ];
}

/** Without root the mounting takes a user namespace, whose root the caller is (user_namespaces(7)). */
export function unshareSteps({ squash, uid, gid }: RootFacts): AnyStep[] {
  const flags = CLONE.NEWNS | (squash ? CLONE.NEWUSER : 0);
  const hints = { EPERM: 'this machine allows no user namespaces to those who are not root' };
  const own = step('unshare', 'unshare', { flags }, 'make a mount namespace', { hints });
  if (!squash) return [own];
  const write = (file: string, data: string): AnyStep =>
    step('unshare', 'proc_write', { path: `self/${file}`, data }, `write ${file}`);
  return [
    own,
    step('unshare', 'dumpable', { on: 1 }, 'let the maps be written'),
    write('setgroups', 'deny'),
    write('uid_map', `0 ${uid} 1\n`),
    write('gid_map', `0 ${gid} 1\n`),
    step('unshare', 'dumpable', { on: 0 }, 'hide the process again'),
  ];
}

/** A driver whose root lies in the store makes it outside, and removes it afterwards. */
export function outsideSteps(facts: RootFacts): AnyStep[] {
  const directory = slot('root.dir');
  const target = below(directory, '/root');
  return [
    step(
      'state',
      'mkdtemp',
      { prefix: `${facts.store.path}/roots/run-`, path: directory },
      'make a place for the root',
      {
        side: 'host',
        undo: layersUndo('end', 'remove_root', { path: directory }, 'remove the root'),
      },
    ),
    step('state', 'mkdir', { path: target, mode: 0o755 }, 'make the mount point', { side: 'host' }),
    ...facts.driver
      .make(facts, {
        directory: facts.request.upper ?? directory,
        target,
        passing: facts.request.upper === undefined,
      })
      .map((s) => (s.undo?.op === 'umount' ? { ...s, undo: { ...s.undo, when: 'end' as const } } : s)),
  ];
}

function showStep(path: string): AnyStep {
  const args = {
    root,
    target: path,
    source: path,
    recursive: 1,
    propagation: MS.SLAVE | MS.REC,
  };
  // A root without the directory goes without.
  return step('mounts', 'bind', args, `show ${path}`, { unless: ['ENOENT', 'ENOTDIR'] });
}
