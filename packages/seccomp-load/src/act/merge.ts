import { out, UsageError } from '@ctr-tools/cli';
import { serializeJson } from '@ctr-tools/oci';
import { complain } from '../complaints.ts';
import { without } from '../deny.ts';
import type { SeccompOptions } from '../options.ts';
import { merge } from '../profile/merge.ts';
import { nameOf, readProfile } from '../source.ts';

/** `--merge`: one profile that permits what any of the operands permits, as JSON. */
export function mergeProfiles(options: SeccompOptions): number {
  if (options.profiles.length < 2)
    throw new UsageError('--merge takes two profiles or more: seccomp-load ./a.json ./b.json --merge');
  const names = options.profiles.map(nameOf);
  const profiles = options.profiles.map((source, i) => {
    const read = readProfile(source);
    complain(names[i]!, read, undefined, options);
    const { profile } = read;
    if (!profile) throw new UsageError(`--merge: ${names[i]} is not a filter at all`);
    return profile;
  });
  out(serializeJson(without(merge(profiles, names), options.deny), 2));
  return 0;
}
