import { isNeedsNode, needNode } from '@ctr-tools/host';
import { anyDoes, does, encode, type Plan } from '@ctr-tools/plan';
import { ALIAS_FAILED } from './alias.ts';
import { TOOL_FAILED } from './chain.ts';
import { isFailure } from './errors.ts';
import type { Host } from './host.ts';
import { err, writePlan } from './output.ts';
import { systemFailure } from './system-failure.ts';
import type { Command, Conversation, Outcome, Siblings, Tool } from './tool.ts';

/**
 * Carry out one command line to its end: the exit code of the planner. A plan has then
 * been handed to the launcher, and whoever answers its questions has answered.
 */
export async function runCommand(command: Command, host: Host, siblings: Siblings): Promise<number> {
  try {
    return await finish(await outcomeOf(command, host, siblings), siblings);
  } catch (error) {
    return report(error, host);
  }
}

async function outcomeOf(command: Command, host: Host, siblings: Siblings): Promise<Outcome> {
  if ('dispatch' in command) return command.dispatch(host, siblings);
  // A program reads its own line, and does not pay for how tools read theirs.
  const { runTool } = await import('./verbs.ts');
  return runTool(command, host, siblings);
}

async function finish(outcome: Outcome, siblings: Siblings): Promise<number> {
  if (typeof outcome === 'number') return outcome;
  if (!('plan' in outcome)) {
    await needNodeForAnswers(outcome, siblings);
    writePlan(encode(outcome));
    if (anyDoes(outcome.steps, 'asks')) {
      const { converse } = await import('./converse.ts');
      await converse({ answer: (...question) => answerOf(siblings, ...question) });
    }
    return 0;
  }
  writePlan(encode(outcome.plan));
  const { converse } = await import('./converse.ts');
  await converse(outcome as Conversation);
  return 0;
}

/** Once the launcher has the plan, nobody else can answer. */
async function needNodeForAnswers(plan: Plan, siblings: Siblings): Promise<void> {
  for (const asked of plan.steps) {
    const { topic } = asked.args;
    if (!does(asked, 'asks') || typeof topic !== 'string') continue;
    if ((await toolOf(topic, siblings))?.nodeTopics?.includes(topic)) needNode(`answering ${topic}`);
  }
}

async function toolOf(topic: string, siblings: Siblings): Promise<Tool | undefined> {
  const tool = await siblings(topic.slice(0, topic.indexOf('/')));
  return tool && 'dispatch' in tool ? undefined : tool;
}

/** A step's question goes to the tool that its topic begins with. */
async function answerOf(
  siblings: Siblings,
  topic: string,
  payload: string,
  connection?: number,
): Promise<string> {
  const tool = await toolOf(topic, siblings);
  if (!tool?.answer) throw new Error(`nobody here answers ${topic}`);
  return tool.answer(topic, payload, connection);
}

/** Say what went wrong, as one line; the exit code. Throws `NeedsNode` on, which is the planner's matter. */
export function report(error: unknown, host: Pick<Host, 'tool' | 'argv' | 'alias'>): number {
  if (isNeedsNode(error)) throw error;
  if (error instanceof Error && error.name === 'ClosedPipe') return 0;
  const failed = host.alias === undefined ? TOOL_FAILED : ALIAS_FAILED;
  const named = (error as { tool?: string }).tool ?? host.tool;
  const tool = named === host.tool ? (host.alias ?? named) : named;
  if (isFailure(error)) {
    err(`${tool}: ${oneLine(error.message)}\n`);
    return error.exit ?? failed;
  }
  const ofTheMachine = systemFailure(error);
  if (ofTheMachine !== undefined) {
    err(`${tool}: ${oneLine(ofTheMachine)}\n`);
    return failed;
  }
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  err(`${tool}: ${oneLine(words)} (this is a bug in ctr-tools; --debug shows where)\n`);
  if (wantsDebug(host.argv) && error instanceof Error) err(`${error.stack}\n`);
  return failed;
}

function wantsDebug(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? undefined : end).includes('--debug');
}

/** Control characters, which a file's name may hold, must not reach a terminal. */
export const oneLine = (text: string): string =>
  text.replace(/[\0-\x1f\x7f]/g, (c) =>
    c === '\n' ? '\\n' : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
