import type { SeccompAction } from '@ctr-tools/oci';
import { checkDocument, type Findings, type Verdict } from '@ctr-tools/oci/schema';
import { takesErrno } from '../actions.ts';
import { errnoOf } from '../errno.ts';
import { expand, unknownGroup } from '../groups.ts';
import { profile as shape, type WrittenProfile, type WrittenSyscall } from './schema.ts';
import type { DockerProfile, DockerSyscall } from './types.ts';

/** The kernel's largest errno (`MAX_ERRNO` of `linux/err.h`); a filter's larger one is cut down to it. */
const MAX_ERRNO = 4095;

type Path = readonly (string | number)[];

/** An action, and its errno by number or, as podman has it, by name. */
interface Answer {
  action: SeccompAction;
  number: number | undefined;
  name: string | undefined;
}

function answerRules(
  { action, number, name }: Answer,
  [numberKey, nameKey]: readonly [string, string],
  at: Path,
  findings: Findings,
): void {
  for (const [key, given] of [
    [numberKey, number],
    [nameKey, name],
  ] as const)
    if (given !== undefined && given !== '' && !takesErrno(action))
      findings.problem(
        [...at, key],
        `is set, but ${action} has no errno (only SCMP_ACT_ERRNO and SCMP_ACT_TRACE have)`,
      );
  if (number !== undefined && action === 'SCMP_ACT_ERRNO' && number > MAX_ERRNO)
    findings.problem([...at, numberKey], `is ${number}; an errno is from 0 to ${MAX_ERRNO}`);
  if (number === undefined && name && errnoOf(name) === undefined)
    findings.problem([...at, nameKey], `is ${JSON.stringify(name)}, which is not an errno's name`);
}

function syscallRules(rule: WrittenSyscall, at: Path, groups: boolean, findings: Findings): void {
  const { names = [], name, action, errnoRet, errno } = rule;
  if (name && names.length > 0) findings.problem(at, 'has both "name" and "names"; it may have one');
  for (const [i, word] of names.entries()) {
    const wrong = groups ? unknownGroup(word) : undefined;
    if (wrong) findings.problem([...at, 'names', i], wrong);
  }
  if (!name && names.length === 0) findings.problem([...at, 'names'], 'must name at least one system call');
  answerRules({ action, number: errnoRet, name: errno }, ['errnoRet', 'errno'], at, findings);
}

function rules(written: WrittenProfile, groups: boolean, findings: Findings): void {
  const { defaultAction, defaultErrnoRet, defaultErrno, syscalls = [] } = written;
  answerRules(
    { action: defaultAction, number: defaultErrnoRet, name: defaultErrno },
    ['defaultErrnoRet', 'defaultErrno'],
    [],
    findings,
  );
  if (written.architectures?.length && written.archMap?.length)
    findings.problem([], 'has both "architectures" and "archMap"; it may have one');
  if (written.listenerMetadata && !written.listenerPath)
    findings.problem(['listenerMetadata'], 'is set, but listenerPath is not (config-linux.md)');
  for (const [i, rule] of syscalls.entries()) syscallRules(rule, ['syscalls', i], groups, findings);
}

const withErrno = (number: number | undefined, name: string | undefined): number | undefined =>
  number ?? (name ? errnoOf(name) : undefined);

function spelledSyscall(
  { name, errno, names = [], ...rest }: WrittenSyscall,
  groups: boolean,
): DockerSyscall {
  const written = name ? [name] : names;
  const errnoRet = withErrno(rest.errnoRet, errno);
  return { names: groups ? expand(written) : written, ...rest, ...(errnoRet !== undefined && { errnoRet }) };
}

/** A copy of a JSON value, whose own properties may have any name. */
function copied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copied);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copied(item)]));
}

/**
 * Check a profile, OCI's or Docker's, and give it back with podman's and old Docker's spellings (`errno`,
 * `name`) made one, and the calls of groups in their place (`groups`; a runtime knows none). `file` names it in messages. What holds nothing to load is refused, the empty profile
 * too, by which Docker's daemon means none. Throws `SpecError`.
 */
export function validate(document: unknown, file: string, { groups = true } = {}): Verdict<DockerProfile> {
  const { value, warnings } = checkDocument(copied(document), file, shape, true, (written, findings) =>
    rules(written, groups, findings),
  );
  const { defaultErrno, syscalls, ...rest } = value;
  const defaultErrnoRet = withErrno(rest.defaultErrnoRet, defaultErrno);
  return {
    value: {
      ...rest,
      ...(defaultErrnoRet !== undefined && { defaultErrnoRet }),
      ...(syscalls && { syscalls: syscalls.map((rule) => spelledSyscall(rule, groups)) }),
    },
    warnings,
  };
}
