/** Names of AppArmor profiles, as apparmor(7) and aa_change_profile(2) write them. */
import { UsageError } from '@ctr-tools/cli';

/** The name under which our own default profile is loaded. */
export const defaultProfile = 'ctr-default';

/** Words for the profile that are no names. */
export const unconfined = 'unconfined';

/**
 * The profile that was meant: `default` is our own. A name never means a file; one that begins
 * with a slash is the name of a profile for that program. Throws `UsageError` for what cannot be a name.
 */
export function parseProfile(word: string): string {
  if (word === 'default') return defaultProfile;
  if (word.endsWith('.json') || /^\.{1,2}\//.test(word))
    throw new UsageError(
      `--profile ${word}: this is a file; load it with --load=${word}, then give the name in it`,
    );
  if (/[\0-\x1f\x7f]/.test(word)) throw new UsageError('--profile: a name has no control characters');
  return word;
}

/** The single profiles of a stack: `a//&b`, `a//&:ns:b`. */
export const stacked = (name: string): string[] => name.split('//&').map((part) => part.trim());

/** One spelling for `:ns:name` and `:ns://name`. */
export const normalName = (name: string): string => name.replace(/^:([^:]+):(?:\/\/)?/, ':$1://');
