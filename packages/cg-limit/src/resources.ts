/** Flags → `linux.resources`, and one over another. */
import type { Parsed } from '@ctr-tools/cli';
import type { LinuxResources } from '@ctr-tools/oci';
import { controllers } from './controllers/index.ts';
import { mergeUnified, unifiedOf } from './unified.ts';

/**
 * Limits of the command line, over those of a document. Throws `UsageError`, or a `Failure` where
 * the two contradict each other.
 */
export function resourcesOf(parsed: Parsed, document: LinuxResources): LinuxResources {
  const parts = [...controllers.map((one) => one.parse(parsed)), unifiedOf(parsed)];
  const given = parts.reduce(together, {});
  for (const one of controllers) one.check?.(given);
  return merge(document, given);
}

/** Two controllers may share a section, and of a file that is given twice both lines are written. */
function together(all: LinuxResources, part: LinuxResources): LinuxResources {
  const both: LinuxResources = { ...all, ...part };
  if (all.cpu && part.cpu) both.cpu = { ...all.cpu, ...part.cpu };
  if (all.unified && part.unified) {
    both.unified = { ...all.unified };
    for (const [file, text] of Object.entries(part.unified))
      both.unified[file] = all.unified[file] === undefined ? text : `${all.unified[file]}\n${text}`;
  }
  return both;
}

/**
 * Limits over others: objects member by member; device rules behind those that are there, since they are carried out
 * in order; what has a device, a page size or an interface by that. Throws a `Failure` for a result that contradicts
 * itself.
 */
export const merge = (old: LinuxResources, added: LinuxResources): LinuxResources => ({
  ...old,
  ...Object.assign({}, ...controllers.map((one) => one.merge?.(old, added))),
  ...mergeUnified(old, added),
});
