import type { Host, Outcome, Parsed } from '@ctr-tools/cli';
import type { Options } from '../options.ts';

export async function act(_name: string, _given: Options, _parsed: Parsed, _host: Host): Promise<Outcome> {
  return 1;
}
