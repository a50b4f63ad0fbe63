/** Names that are shared with ip-netns(8): each is a file of /run/netns on which a network namespace is bound. */
import { exists, join } from '@ctr-tools/host';

/** NETNS_RUN_DIR and NETNS_ETC_DIR of iproute2 (ip-netns(8)). */
export const NETNS = '/run/netns';
const ETC = '/etc/netns';

/** What ip-netns(8) takes for a name: one component of a path. */
export const isName = (word: string): boolean =>
  word !== '' && word !== '.' && word !== '..' && !word.includes('/');

export const namedFile = (name: string): string => join(NETNS, name);

export const etcOf = (name: string): string => join(ETC, name);

/**
 * Where a word of `--net` leads. A name goes before a file of the working directory, which may be one that
 * anybody writes in (/tmp); undefined where there is neither.
 */
export function fileByName(name: string, file: string): string | undefined {
  const named = namedFile(name);
  if (exists(named)) return named;
  return exists(file) ? file : undefined;
}
