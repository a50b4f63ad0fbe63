/** Each chapter of the tour is typed as it stands there, and prints what it says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chaptersOf } from '../packages/ctr-run/src/tour/page.ts';
import { clear, lacks, makePlace, removeContainers } from '../packages/ctr-run/src/tour/place.ts';
import { Session } from '../packages/ctr-run/src/tour/session.ts';
import { agrees, podmanOfOurs } from './blocks.ts';
import { bin, needs, skip, toolEnv, top } from './support.ts';

const [before, ...chapters] = chaptersOf(readFileSync(join(top, 'docs/tour.md'), 'utf8'));

describe.each(chapters)('$title', ({ parts }) => {
  const isOurs = (needed: readonly string[]): boolean => !needed.includes('engine');
  /** Type the blocks whose needs are `wanted`; what was printed otherwise than the page says. */
  async function type(context: Parameters<typeof needs>[0], withEngine: boolean): Promise<unknown[]> {
    needs(context, 'root', 'command:busybox');
    const place = makePlace({ ...toolEnv(), ...(withEngine ? podmanOfOurs() : {}) }, bin);
    const shell = new Session(place.directory, place.env);
    const wrong: unknown[] = [];
    try {
      if (withEngine && lacks(place, ['engine']) !== undefined) skip(context, 'neither Docker nor podman');
      for (const part of [...before!.parts, ...parts]) {
        if (part.kind === 'prose' || lacks(place, part.needs) !== undefined) continue;
        const common = before!.parts.includes(part);
        if (!common && isOurs(part.needs) === withEngine) continue;
        for (const { command, output } of part.steps) {
          const { output: printed } = await shell.run(command);
          if (!agrees(output, printed)) wrong.push({ command, output, printed });
        }
      }
    } finally {
      await shell.end(() => void removeContainers(place));
      clear(place);
    }
    return wrong;
  }

  test('by hand', async (context) => {
    expect(await type(context, false)).toEqual([]);
  });
  if (parts.some((part) => part.kind === 'block' && !isOurs(part.needs)))
    test('on a container of Docker or podman', async (context) => {
      expect(await type(context, true)).toEqual([]);
    });
});
