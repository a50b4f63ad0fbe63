import { given, type Host, type Parsed } from '@ctr-tools/cli';
import { flags } from './flags.ts';
import type { Port } from './ports.ts';

export interface Options {
  network: string;
  ports: readonly Port[];
  names: readonly string[];
  dns: readonly string[];
  search: readonly string[];
  /** In milliseconds. */
  timeout: number;
  json: boolean;
  /** A command follows: nothing of a spec is asked for. */
  applies: boolean;
}

export function parseOptions(parsed: Parsed, _host: Host): Options {
  const values = given(flags, parsed);
  return {
    network: values.network ?? 'default',
    ports: values.publish.flat(),
    names: values.name,
    dns: values.dns,
    search: values['dns-search'],
    timeout: values['plugin-timeout'] ?? 30_000,
    json: values.json,
    applies: parsed.command !== undefined,
  };
}
