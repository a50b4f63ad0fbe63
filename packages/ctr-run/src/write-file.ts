import type { AnyStep, Phase } from '@ctr-tools/plan';
import { slot, step } from '@ctr-tools/plan';
import { O } from '@ctr-tools/sys/constants';

const side = 'host';

/** Write a file of the caller's: a new one, or one in the place of what is there; and end with `code`. */
export function writeSteps(
  path: string,
  data: string | Uint8Array,
  which: 'new' | 'replaced',
  { code = 0, phase = 'state' }: { code?: number; phase?: Phase } = {},
): AnyStep[] {
  const fd = slot('written');
  const flags = O.WRONLY | O.CREAT | (which === 'new' ? O.EXCL : O.TRUNC);
  return [
    step(phase, 'open', { path, flags, mode: 0o666, fd }, `write ${path}`, {
      side,
      hints: {
        EEXIST: 'it is there already, and is not overwritten; move it away, or print a spec with "-"',
      },
    }),
    step(phase, 'write_fd', { fd, data }, `write ${path}`, { side }),
    step('supervise', 'exit', { code }, 'end', { side }),
  ];
}
