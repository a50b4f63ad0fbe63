/** A container's resolv.conf(5): this machine's, less servers that only this machine reaches. */
import { encodeBytes, readText, sha256 } from '@ctr-tools/host';
import { FILES } from './places.ts';

/** systemd-resolved's list of the servers that it asks itself (systemd-resolved.service(8)). */
const BEHIND_RESOLVED = '/run/systemd/resolve/resolv.conf';

export interface Resolver {
  path: string;
  text: string;
}

interface Wanted {
  dns: readonly string[];
  search: readonly string[];
}

export function resolverFor(wanted: Wanted): Resolver {
  let text = resolverText(readIfAny('/etc/resolv.conf'), wanted);
  if (!/^nameserver /m.test(text)) text = resolverText(readIfAny(BEHIND_RESOLVED), wanted);
  return { text, path: `${FILES}/resolv-${sha256(encodeBytes(text)).slice(0, 12)}.conf` };
}

const isLoopback = (server: string): boolean =>
  /^127\./.test(server) || /^(::1|0:0:0:0:0:0:0:1)$/.test(server);

export function resolverText(of: string, { dns, search }: Wanted): string {
  const lines = of.split('\n').flatMap((line) => {
    const [keyword = '', value = ''] = line.trim().split(/\s+/);
    if (keyword === 'nameserver') return dns.length > 0 || isLoopback(value) ? [] : [line.trim()];
    if (keyword === 'search' || keyword === 'domain') return search.length > 0 ? [] : [line.trim()];
    return keyword === 'options' ? [line.trim()] : [];
  });
  return [
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...dns.map((server) => `nameserver ${server}`),
    ...lines,
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function readIfAny(path: string): string {
  try {
    return readText(path);
  } catch {
    return '';
  }
}
