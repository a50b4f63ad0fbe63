/** `--show --tree`: who owns whom, whose child is whose, or the processes inside. */
import type { Branch } from '@ctr-tools/cli';
import type { Namespace } from './collect.ts';
import type { Row } from './columns.ts';

export type TreeKind = 'owner' | 'parent' | 'process';

export const rowOf = (namespace: Namespace): Row => ({
  namespace,
  ...(namespace.processes[0] && { process: namespace.processes[0] }),
});

/** Namespaces below the one that owns them, or below their parent; those without one in sight are roots. */
export function namespaceTree(namespaces: readonly Namespace[], by: 'owner' | 'parent'): Branch<Row>[] {
  const shown = new Set(namespaces.map(({ ns }) => ns));
  const children = new Map<number, Namespace[]>();
  const roots: Namespace[] = [];
  for (const namespace of namespaces) {
    const above =
      by === 'owner' ? (namespace.type === 'user' ? namespace.parent : namespace.owner) : namespace.parent;
    if (above === undefined || !shown.has(above)) roots.push(namespace);
    else children.set(above, [...(children.get(above) ?? []), namespace]);
  }
  const branch = (namespace: Namespace): Branch<Row> => ({
    value: rowOf(namespace),
    children: (children.get(namespace.ns) ?? []).map(branch),
  });
  return roots.map(branch);
}

/** Each namespace's processes as a tree, by their parents. */
export function processTrees(namespaces: readonly Namespace[]): Branch<Row>[] {
  return namespaces.flatMap((namespace) => {
    const inside = new Set(namespace.processes.map(({ pid }) => pid));
    const branch = (pid: number): Branch<Row>[] =>
      namespace.processes
        .filter((process) => (pid === 0 ? !inside.has(process.ppid) : process.ppid === pid))
        .map((process) => ({ value: { namespace, process }, children: branch(process.pid) }));
    return branch(0);
  });
}
