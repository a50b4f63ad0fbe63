/** Plans that undo what others made. */
import { type AnyStep, compile, type Plan, step } from '@ctr-tools/plan';
import { type Member, whose, whoseOf } from '../records.ts';
import { removal } from '../steps.ts';

/**
 * Undoings run backwards, each although another failed. Each is bound to the record being the one that was read: meanwhile
 * another may have taken the ID.
 */
export function undoPlan(members: readonly Member[]): Plan {
  const steps = members.flatMap((member) => {
    const [path, text] = [whoseOf(member.id), whose(member)];
    return removal(member)
      .toReversed()
      .map(
        ([undo, doing]): AnyStep => ({
          ...step('network', 'file_says', { path, text }, `find ${path} as it was`, {
            side: 'host',
            unless: ['any'],
          }),
          undo: { ...undo, words: { doing } },
        }),
      );
  });
  const end = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });
  return compile([[...steps, end]], { tool: 'net-join', exit: 125 });
}
