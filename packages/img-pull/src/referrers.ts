/** `--referrers REF`: what names an image as its subject (distribution-spec, "Listing Referrers"). */
import { err, Failure, formatSize, type Host, out, renderTable } from '@ctr-tools/cli';
import { type Descriptor, readIndex } from '@ctr-tools/oci/image';
import { type PullOptions, referenceOf } from './options.ts';
import type { Registry } from './registry/client.ts';
import { bodyOf, ignoreBody } from './registry/http.ts';
import { registriesOf } from './registry/index.ts';

const LARGEST = 4 << 20;
/** Pages of a list that is longer than a registry answers at once. */
const PAGES = 100;

export async function referrers(text: string, options: PullOptions, host: Host): Promise<number> {
  const reference = referenceOf(text);
  const registries = registriesOf(options, host);
  try {
    const found = await registries.first(reference, async (registry) => {
      const digest = reference.digest ?? (await registry.manifest(reference.tag!)).digest;
      return { digest, list: await listed(registry, digest) };
    });
    show(found, options.json, host);
    return 0;
  } finally {
    registries.close();
  }
}

/** By the API; a registry that has none keeps a list under a tag ("Referrers Tag Schema"). */
async function listed(registry: Registry, digest: string): Promise<Descriptor[]> {
  const all: Descriptor[] = [];
  let next: string | URL = `referrers/${digest}`;
  for (let page = 0; page < PAGES; page++) {
    const answer = await registry.send(next, {
      headers: { accept: 'application/vnd.oci.image.index.v1+json' },
    });
    if (answer.status === 404 && page === 0) {
      ignoreBody(answer);
      return byTag(registry, digest);
    }
    if (answer.status !== 200) throw await registry.refusal(answer, `ask what refers to ${digest}`);
    all.push(...readIndex(await bodyOf(answer, LARGEST), `referrers of ${digest}`).manifests);
    const link = /<([^>]+)>;\s*rel="?next"?/.exec(String(answer.headers.link ?? ''))?.[1];
    if (link === undefined) return all;
    next = new URL(link, answer.url);
    if (next.origin !== answer.url.origin)
      throw new Failure(`${registry.place.host} continues its list at ${next.host}`);
  }
  return all;
}

async function byTag(registry: Registry, digest: string): Promise<Descriptor[]> {
  const answer = await registry.send(`manifests/${digest.replace(':', '-')}`, {
    headers: { accept: 'application/vnd.oci.image.index.v1+json' },
  });
  if (answer.status === 404) {
    ignoreBody(answer);
    return [];
  }
  if (answer.status !== 200) throw await registry.refusal(answer, `ask what refers to ${digest}`);
  return readIndex(await bodyOf(answer, LARGEST), `referrers of ${digest}`).manifests;
}

function show({ digest, list }: { digest: string; list: Descriptor[] }, json: boolean, host: Host): void {
  if (json) {
    out(`${JSON.stringify({ digest, referrers: list })}\n`);
    return;
  }
  if (list.length === 0) {
    err(`nothing refers to ${digest}\n`);
    return;
  }
  const right = 'right' as const;
  out(
    renderTable(
      [{ title: 'TYPE', shrink: true, least: 20 }, { title: 'DIGEST' }, { title: 'SIZE', align: right }],
      list.map((one) => [one.artifactType ?? one.mediaType, one.digest, formatSize(one.size)]),
      host.tty[1] ? { width: host.columns } : {},
    ),
  );
}
