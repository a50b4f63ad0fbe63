/**
 * What `--pin` leaves in its directory beside the namespaces' files: one hidden file, which claims the directory
 * for one `--pin` at a time and says to `--unpin` what that made. Nothing else in the directory is ours.
 */
import { type NamespaceFile, namespaceFlags } from '@ctr-tools/sys/constants';

export const MARKER = '.ns-enter';

export interface Marker {
  /** Whether `--pin` made the directory itself. */
  made: boolean;
  /** The files that it made in there. */
  files: readonly NamespaceFile[];
}

/** The one line of the hidden file: `made net uts`, or `found net uts`. */
export const writeMarker = ({ made, files }: Marker): string =>
  `${[made ? 'made' : 'found', ...files].join(' ')}\n`;

/** undefined for a text that `--pin` did not write. */
export function readMarker(text: string): Marker | undefined {
  // Killed before it wrote, `--pin` has made no other file; of the directory nobody can tell.
  if (text === '') return { made: false, files: [] };
  const [first, ...names] = text.trimEnd().split(' ');
  if (first !== 'made' && first !== 'found') return undefined;
  if (names.some((name) => !Object.hasOwn(namespaceFlags, name))) return undefined;
  return { made: first === 'made', files: names as NamespaceFile[] };
}
