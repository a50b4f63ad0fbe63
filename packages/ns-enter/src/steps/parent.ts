/** What the parent does beside the command: pins, status lines, ending it with itself. */
import { type AnyStep, jsonTemplate, peer, points, slot, step, template, undo } from '@ctr-tools/plan';
import type { Facts } from '../facts.ts';
import { fileOf, type Kind } from '../kinds.ts';
import { pinned } from '../option-refusals.ts';
import type { Options } from '../options.ts';
import type { Arrangement } from './arrange.ts';
import { pinFileSteps, pinSteps, youngerSteps } from './pin.ts';

const side = 'host' as const;
const child = slot('child.pid');

const all = (arrangement: Arrangement): Kind[] => [
  ...arrangement.create,
  ...(arrangement.held ? (['user'] as const) : []),
];

export function parentSteps(o: Options, arrangement: Arrangement, facts: Facts): AnyStep[] {
  const steps: AnyStep[] = [];
  const waits = pinned(o) || o.statusFd !== undefined;
  if (o.statusFd !== undefined)
    steps.push(step('join', 'close', { fd: o.statusFd }, `close descriptor ${o.statusFd} for the command`));
  const pinsMounts =
    o.pin === undefined ? o.pins.some(({ kind }) => kind === 'mount') : arrangement.create.includes('mount');
  if (pinsMounts) steps.push(...youngerSteps());
  if (waits) {
    // Until then the child has made and joined everything; after it, it may end at once.
    steps.push(
      step('ready', 'notify', { process: peer, point: points.ready }, 'say that the namespaces are made'),
      step('ready', 'await', { process: peer, point: points.ready }, 'wait for the namespaces', { side }),
      ...(o.pin === undefined ? [] : pinSteps(o.pin, all(arrangement), child, facts)),
      ...pinFileSteps(o.pins, child, facts),
      ...(o.statusFd === undefined ? [] : statusSteps(o.statusFd, all(arrangement))),
      step('ready', 'notify', { process: peer, point: points.recorded }, 'let the command begin', { side }),
      step('ready', 'await', { process: peer, point: points.recorded }, 'wait for the parent'),
    );
  }
  // Last of all: a change of credentials clears it (prctl(2), PR_SET_PDEATHSIG).
  if (o.killChild !== undefined)
    steps.push(step('ready', 'pdeathsig', { signal: o.killChild }, "ask for a signal at the parent's death"));
  return steps;
}

/** The lines of bwrap(1) --json-status-fd: one when the child is there, one when it has ended. */
function statusSteps(fd: number, created: readonly Kind[]): AnyStep[] {
  const files = created.map(fileOf).toSorted();
  const inode = (file: string) => slot(`inode.${file}`);
  const started = Object.fromEntries(files.map((file) => [`${file}-namespace`, inode(file)]));
  const exit = slot('exit.code');
  return [
    ...files.map((file) =>
      step(
        'ready',
        'inode',
        { path: template`/proc/${child}/ns/${file}`, fd: -1, filesystem: 0, inode: inode(file) },
        `look at the ${file} namespace`,
        { side },
      ),
    ),
    step('ready', 'end_status', { status: exit }, 'remember to tell the exit code', { side }),
    step(
      'ready',
      'print',
      { fd, text: jsonTemplate({ 'child-pid': child, ...started }) },
      `write the status to descriptor ${fd}`,
      {
        side,
        hints: { EBADF: 'the descriptor is not open for writing', EPIPE: 'its reader has gone' },
        undo: undo(
          'end',
          'print',
          { fd, text: jsonTemplate({ 'exit-code': exit }) },
          `write the exit code to descriptor ${fd}`,
        ),
      },
    ),
  ];
}
