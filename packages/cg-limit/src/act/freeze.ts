/** `--freeze` and `--thaw`: v1's freezer, or cgroup.freeze (Linux 5.2). */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '@ctr-tools/cli';
import { changeable, type Place, type Target } from './target.ts';

/** How long stopping may take: a process in an uninterruptible wait stops only after it. */
const PATIENCE_MS = 10_000;

/** Stop or release all processes of a group and below; returns when the kernel says that it is so. */
export async function freeze(target: Target, on: boolean): Promise<number> {
  const places = changeable(target);
  const v1 = places.find((p) => p.controllers.includes('freezer'));
  const v2 = places.find((p) => p.version === 2);
  const place = v1 ?? v2;
  if (!place) throw new Failure(`${target.name} is in no hierarchy with a freezer`);
  const verb = on ? 'freeze' : 'thaw';
  try {
    if (v1) writeFileSync(`${v1.directory}/freezer.state`, on ? 'FROZEN' : 'THAWED', { flag: 'r+' });
    else writeFileSync(`${place.directory}/cgroup.freeze`, on ? '1' : '0', { flag: 'r+' });
  } catch (error) {
    throw new Failure(`${verb} ${place.directory}: ${(error as Error).message}`);
  }
  for (const until = performance.now() + PATIENCE_MS; !reached(place, v1 !== undefined, on); await sleep(2)) {
    if (performance.now() < until) continue;
    throw new Failure(
      on
        ? `freeze ${place.directory}: some processes do not stop within ${PATIENCE_MS / 1000} s; it goes on, or --thaw takes it back`
        : `thaw ${place.directory}: it is still frozen, by a group above it`,
    );
  }
  return 0;
}

function reached({ directory }: Place, v1: boolean, on: boolean): boolean {
  if (v1) {
    const state = readFileSync(`${directory}/freezer.state`, 'utf8').trim();
    // A state written while forks go on stays FREEZING until it is asked for (freezer-subsystem.rst).
    return state === (on ? 'FROZEN' : 'THAWED');
  }
  return (
    /^frozen ([01])$/m.exec(readFileSync(`${directory}/cgroup.events`, 'utf8'))?.[1] === (on ? '1' : '0')
  );
}
