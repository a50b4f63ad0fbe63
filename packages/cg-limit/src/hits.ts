import { readTextIfAny } from '@ctr-tools/host';
import type { Count } from './controllers/controller.ts';
import { controllers } from './controllers/index.ts';
import type { CgroupRecord } from './groups.ts';

/** The controllers whose limits processes of these groups have met: `memory`, `pids`. A group that is gone tells nothing. */
export const limitsHit = ({ paths }: CgroupRecord): string[] =>
  controllers.flatMap(({ names: [name], hits }) => {
    if (name === undefined || hits === undefined) return [];
    const own = paths[name];
    const [group, count] = own === undefined ? [paths.unified, hits[2]] : [own, hits[1]];
    return group !== undefined && counted(group, count) > 0 ? [name] : [];
  });

function counted(group: string, { file, key }: Count): number {
  try {
    const lines = readTextIfAny(`${group}/${file}`)?.split('\n') ?? [];
    return Number(lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1) ?? 0);
  } catch {
    return 0; // removed meanwhile (ENODEV), or not ours to read
  }
}
