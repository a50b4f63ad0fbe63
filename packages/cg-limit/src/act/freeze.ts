/** `--freeze` and `--thaw`: v1's freezer, or cgroup.freeze (Linux 5.2). */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '@ctr-tools/cli';
import { changeable, type Place, type Target } from './target.ts';
import { refuseFromInside } from './within.ts';

/** How long stopping may take: a process in an uninterruptible wait stops only after it. */
const PATIENCE_MS = 10_000;

/**
 * Stop or release all processes of a group and below; returns when the kernel says that it is so.
 * `self` is the caller, who cannot be among those that are stopped.
 */
export async function freeze(target: Target, on: boolean, self: number): Promise<number> {
  const places = changeable(target);
  const v1 = places.find((p) => p.controllers.includes('freezer'));
  const v2 = places.find((p) => p.version === 2);
  const place = v1 ?? v2;
  if (!place) throw new Failure(`${target.name} is in no hierarchy with a freezer`);
  const verb = on ? 'freeze' : 'thaw';
  if (on) refuseFromInside([place], self, `freeze ${target.name}`, 'stop itself and wait for ever');
  const write = (to: boolean): void => {
    try {
      if (v1) writeFileSync(`${v1.directory}/freezer.state`, to ? 'FROZEN' : 'THAWED', { flag: 'r+' });
      else writeFileSync(`${place.directory}/cgroup.freeze`, to ? '1' : '0', { flag: 'r+' });
    } catch (error) {
      throw new Failure(`${verb} ${place.directory}: ${(error as Error).message}`);
    }
  };
  const until = performance.now() + PATIENCE_MS;
  write(on);
  for (let round = 1; !reached(place, v1 !== undefined, on); round++) {
    await sleep(2);
    if (performance.now() < until) {
      if (!v1 || !on) continue;
      // v1 counts who was asleep in vfork(2) or was born meanwhile as not frozen until it is told again; and
      // who comes anew all the time is caught sooner after a thaw (libcontainer does the same, fs/freezer.go).
      if (round % 50 === 0) write(false);
      write(true);
      continue;
    }
    if (on) write(false);
    throw new Failure(
      on
        ? `freeze ${place.directory}: some processes do not stop within ${PATIENCE_MS / 1000} s, so all go on`
        : `thaw ${place.directory}: it is still frozen, by a group above it`,
    );
  }
  return 0;
}

function reached({ directory }: Place, v1: boolean, on: boolean): boolean {
  if (v1) {
    const state = readFileSync(`${directory}/freezer.state`, 'utf8').trim();
    return state === (on ? 'FROZEN' : 'THAWED');
  }
  return (
    /^frozen ([01])$/m.exec(readFileSync(`${directory}/cgroup.events`, 'utf8'))?.[1] === (on ? '1' : '0')
  );
}
