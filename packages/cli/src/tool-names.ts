/** The names of every tool of an installation, in the order in which the documentation names them. */
const names = [
  'ns-enter',
  'cg-limit',
  'ufs-mount',
  'caps-drop',
  'seccomp-load',
  'aa-confine',
  'net-join',
  'img-pull',
  'ctr-run',
] as const;

export type ToolName = (typeof names)[number];

export const toolNames: readonly ToolName[] = names;

export const isToolName = (word: string): word is ToolName => (names as readonly string[]).includes(word);

/** Other tools' names, and which of ours takes their command lines when a link of that name leads to it. */
export const aliasNames: Readonly<Record<string, ToolName>> = {
  nsenter: 'ns-enter',
  unshare: 'ns-enter',
  lsns: 'ns-enter',
  setpriv: 'caps-drop',
  capsh: 'caps-drop',
};

/**
 * Tools that mostly set their own process up and become the command. The launcher makes a sealed copy of itself for
 * these only where the plan asks for it, and for any other at once, while the planner thinks (native/src/launcher/main.c).
 */
export const becomesCommand: readonly ToolName[] = [
  'ns-enter',
  'cg-limit',
  'caps-drop',
  'seccomp-load',
  'aa-confine',
  'net-join',
];
