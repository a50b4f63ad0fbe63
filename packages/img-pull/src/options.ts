import { actsOf, given, type Parsed, UsageError } from '@ctr-tools/cli';
import { type Platform, parseReference, type Reference } from '@ctr-tools/oci/image';
import { flags } from './flags.ts';

/** What a command line asks of img-pull. */
export interface PullOptions {
  references: readonly Reference[];
  to?: string;
  platform?: Platform;
  mirrors: readonly string[];
  ca: readonly string[];
  insecure: boolean;
  json: boolean;
}

/** Throws a `UsageError`. */
export function referenceOf(text: string): Reference {
  const reference = parseReference(text.replace(/^docker:\/\//, ''));
  if (!reference)
    throw new UsageError(
      `"${text}" is not the name of an image; it is [REGISTRY/]NAME[:TAG][@sha256:DIGEST], in lower case: docker.io/library/alpine:3`,
    );
  return reference;
}

/** Understand the flags. Throws a `UsageError`. */
export function pullOptions(parsed: Parsed): PullOptions {
  const { to, platform, mirror, ca, insecure, json } = given(flags, parsed);
  return {
    // Beside an act operands are its own.
    references: actsOf(flags, parsed).length > 0 ? [] : parsed.operands.map(referenceOf),
    ...(to !== undefined && { to }),
    ...(platform && { platform }),
    mirrors: mirror,
    ca,
    insecure,
    json,
  };
}
