/** The seven tools, in the order in which the documentation names them. */
export const tools = [
  'ns-enter',
  'cg-limit',
  'ufs-mount',
  'caps-drop',
  'seccomp-load',
  'aa-confine',
  'ctr-run',
] as const;
