import { UsageError } from '@ctr-tools/cli';
import { type Platform, parsePlatform } from '@ctr-tools/oci/image';

/** `OS/ARCH[/VARIANT]`, or an architecture alone. Throws a `UsageError`. */
export function platformOf(text: string): Platform {
  const platform = parsePlatform(text);
  if (!platform) throw new UsageError(`--platform is "${text}"; it is OS/ARCH[/VARIANT]: linux/arm64`);
  return platform;
}
