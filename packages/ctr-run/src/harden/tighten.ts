/** What can be taken away from a container, and whether its command still works without. Pure but for the trials. */
import type { Spec } from '@ctr-tools/oci';

/** How a run ended. */
export interface Ended {
  /** The exit code; absent where it did not end in time. */
  code?: number;
  stdout: string;
  stderr: string;
}

/** What every run has to do to have worked: as the first one, in all that two runs had in common. */
export interface Expected extends Ended {
  /** Whether two runs wrote the same. */
  steady: { stdout: boolean; stderr: boolean };
}

export const expectedOf = (first: Ended, second: Ended): Expected => ({
  ...first,
  steady: { stdout: first.stdout === second.stdout, stderr: first.stderr === second.stderr },
});

const firstNew = (text: string, known: string): string | undefined => {
  const lines = new Set(known.split('\n'));
  return text.split('\n').find((line) => line.trim() !== '' && !lines.has(line));
};

/** Why a run did not work; undefined where it did. */
export function failureOf(run: Ended, expected: Expected): string | undefined {
  const said = firstNew(run.stderr, expected.stderr);
  const words = said === undefined ? '' : `: ${said.trim()}`;
  if (run.code === undefined) return `it does not end in time${words}`;
  if (run.code !== expected.code) return `it ends with ${run.code}, not ${expected.code}${words}`;
  if (expected.steady.stdout && run.stdout !== expected.stdout) return `it writes something else${words}`;
  if (expected.steady.stderr && run.stderr !== expected.stderr) return `it complains${words}`;
  return undefined;
}

/** Something to take away. */
export interface Candidate {
  /** As it stands in the list of what is left: `capability chown`. */
  what: string;
  apply(spec: Spec): Spec;
}

const sets = ['bounding', 'effective', 'permitted', 'inheritable', 'ambient'] as const;

export const capabilitiesOf = ({ process }: Spec): string[] => [...(process?.capabilities?.bounding ?? [])];

function withCapabilities(spec: Spec, keep: (name: string) => boolean): Spec {
  const { capabilities = {} } = spec.process!;
  const kept = Object.fromEntries(sets.map((set) => [set, (capabilities[set] ?? []).filter(keep)]));
  return { ...spec, process: { ...spec.process!, capabilities: kept } };
}

export const noCapability: Candidate = {
  what: 'all capabilities',
  apply: (spec) => withCapabilities(spec, () => false),
};

export const capabilityCandidates = (spec: Spec): Candidate[] =>
  capabilitiesOf(spec).map((name) => ({
    what: `capability ${name.replace(/^CAP_/, '').toLowerCase()}`,
    apply: (of) => withCapabilities(of, (other) => other !== name),
  }));

/** Without these nothing finds itself or writes anywhere: they are not tried. */
const basic = ['/proc', '/dev'];
/** Kinds whose sharing with the machine is an opening; a user namespace needs maps, which nobody has given. */
const kinds = ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'] as const;

const isBind = (options: readonly string[] = []): boolean =>
  options.some((o) => o === 'bind' || o === 'rbind');

/** All else, in the order in which it is tried. */
export function otherCandidates(spec: Spec): Candidate[] {
  const { mounts = [], root, process, linux } = spec;
  const shared = kinds.filter((kind) => !linux?.namespaces?.some(({ type }) => type === kind));
  return [
    ...(root?.readonly === true
      ? []
      : [
          {
            what: 'a root that can be written',
            apply: (of: Spec): Spec => ({ ...of, root: { ...of.root!, readonly: true } }),
          },
        ]),
    ...(process?.noNewPrivileges === true
      ? []
      : [
          {
            what: 'new privileges by exec',
            apply: (of: Spec): Spec => ({ ...of, process: { ...of.process!, noNewPrivileges: true } }),
          },
        ]),
    ...mounts
      .filter(({ destination }) => !basic.includes(destination))
      .toReversed()
      .flatMap(({ destination, options }): Candidate[] => [
        {
          what: `mount ${destination}`,
          apply: (of) => ({
            ...of,
            // What lies below it would lie in the root.
            mounts: of.mounts!.filter(
              (m) => m.destination !== destination && !m.destination.startsWith(`${destination}/`),
            ),
          }),
        },
        ...(isBind(options) && !options!.includes('ro')
          ? [
              {
                what: `writing to ${destination}`,
                apply: (of: Spec): Spec => ({
                  ...of,
                  mounts: of.mounts!.map((m) =>
                    m.destination === destination
                      ? { ...m, options: [...(m.options ?? []).filter((o) => o !== 'rw'), 'ro'] }
                      : m,
                  ),
                }),
              },
            ]
          : []),
      ]),
    ...shared.map((type) => ({
      what: `the machine's ${type} namespace`,
      apply: (of: Spec): Spec => ({
        ...of,
        linux: { ...of.linux, namespaces: [...(of.linux?.namespaces ?? []), { type }] },
      }),
    })),
  ];
}

/** What is left open, and what was seen without it. */
export interface Left {
  what: string;
  because: string;
}

export interface Hardened {
  spec: Spec;
  taken: string[];
  left: Left[];
}

/** Take away one after the other what the command works without. `run` is a trial. */
export async function tightened(
  spec: Spec,
  expected: Expected,
  run: (spec: Spec, what: string) => Promise<Ended>,
): Promise<Hardened> {
  const found: Hardened = { spec, taken: [], left: [] };
  async function attempt(candidate: Candidate, note: boolean): Promise<boolean> {
    const other = candidate.apply(found.spec);
    if (
      JSON.stringify(other.mounts) === JSON.stringify(found.spec.mounts) &&
      candidate.what.startsWith('mount ')
    )
      return true;
    const failure = failureOf(await run(other, candidate.what), expected);
    if (failure === undefined) {
      found.spec = other;
      found.taken.push(candidate.what);
    } else if (note) found.left.push({ what: candidate.what, because: failure });
    return failure === undefined;
  }
  if (capabilitiesOf(spec).length > 0 && !(await attempt(noCapability, false)))
    for (const candidate of capabilityCandidates(spec)) await attempt(candidate, true);
  for (const candidate of otherCandidates(found.spec)) await attempt(candidate, true);
  return found;
}

/** The spec that is as open as either: of two commands, or two inputs, that were hardened apart. */
export function mergedSpec(a: Spec, b: Spec, seccomp: Spec['linux']): Spec {
  const inB = new Set(capabilitiesOf(b));
  const union = [...capabilitiesOf(a), ...[...inB].filter((name) => !capabilitiesOf(a).includes(name))];
  const capabilities = Object.fromEntries(
    sets.map((set) => {
      const names = new Set([
        ...(a.process?.capabilities?.[set] ?? []),
        ...(b.process?.capabilities?.[set] ?? []),
      ]);
      return [set, union.filter((name) => names.has(name))];
    }),
  );
  const own = (spec: Spec, kind: string): boolean =>
    spec.linux?.namespaces?.some(({ type }) => type === kind) ?? false;
  const mountsOfA = new Set((a.mounts ?? []).map(({ destination }) => destination));
  const rank = (path: string): number => path.split('/').length;
  const mounts = [
    ...(a.mounts ?? []).map((mount) => {
      const other = b.mounts?.find(({ destination }) => destination === mount.destination);
      // Where one may write, both may.
      return other && !other.options?.includes('ro') ? other : mount;
    }),
    ...(b.mounts ?? []).filter(({ destination }) => !mountsOfA.has(destination)),
  ].toSorted((x, y) => rank(x.destination) - rank(y.destination));
  return {
    ...a,
    ...(a.root && { root: { ...a.root, readonly: (a.root.readonly && b.root?.readonly) ?? false } }),
    process: {
      ...a.process!,
      capabilities,
      noNewPrivileges: (a.process?.noNewPrivileges && b.process?.noNewPrivileges) ?? false,
    },
    mounts,
    linux: {
      ...a.linux,
      ...seccomp,
      namespaces: (a.linux?.namespaces ?? []).filter(({ type }) => own(b, type)),
    },
  };
}
