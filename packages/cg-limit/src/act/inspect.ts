/** What a group's files say, as data: each limit beside use, peak, pressure and counts. */
import { controllers } from '../controllers/index.ts';
import { type Line, readIn, type Target } from '../controllers/show.ts';
import { countsProcesses } from '../layout.ts';
import { View } from '../view.ts';

export type { Line } from '../controllers/show.ts';

export interface Report {
  group: string;
  paths: Record<string, string>;
  processes: number;
  frozen: boolean;
  lines: Line[];
}

function frozen({ places }: Target): boolean {
  const view = new View();
  return places.some(({ directory, version }) => view.frozen(directory, version));
}

/**
 * PIDs in a target's groups themselves. A process that is only where systemd tracks a unit's
 * (`systemd/counts.ts`) is there for us, and not one of its.
 */
export function processesOf(target: Target): Set<number> {
  const limiting = target.places.filter((p) => countsProcesses(p.controllers));
  return new Set(
    (limiting.length > 0 ? limiting : target.places).flatMap((p) =>
      (readIn(p, 'cgroup.procs') ?? '').split('\n').filter(Boolean).map(Number),
    ),
  );
}

/** Look at a target. `pages` are the sizes of huge pages that the machine has. */
export function inspect(target: Target, pages: readonly string[]): Report {
  return {
    group: target.name,
    paths: Object.fromEntries(
      target.places.map((p) => [p.version === 2 ? 'unified' : p.controllers.join(','), p.directory]),
    ),
    processes: processesOf(target).size,
    frozen: frozen(target),
    lines: [
      ...controllers.flatMap((one) => one.use?.(target, pages) ?? []),
      ...controllers.flatMap((one) => one.others?.(target, pages) ?? []),
    ],
  };
}
