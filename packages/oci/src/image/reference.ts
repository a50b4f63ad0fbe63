/** Names of images in registries, as people type them (distribution-spec, "Pulling manifests"; distribution/reference). */
import { parseDigest } from './digest.ts';

export interface Reference {
  /** Host and port: `docker.io`, `localhost:5000`. */
  registry: string;
  /** `library/alpine` */
  repository: string;
  tag?: string;
  /** It names the content, whatever the tag is by now. */
  digest?: string;
}

/** distribution-spec: what `<name>` and `<reference>` may be. */
const repositoryShape = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagShape = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const hostShape = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;

/** Whether the first part of a name is a registry's and not a directory of its first one. */
const isHost = (word: string): boolean => hostShape.test(word) && (/[.:]/.test(word) || word === 'localhost');

/**
 * `[REGISTRY/]NAME[:TAG][@DIGEST]`. Without a registry it is Docker's, and a name of one part is in its `library`;
 * without tag and digest the tag is `latest`. Undefined for what is none.
 */
export function parseReference(text: string): Reference | undefined {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  const name = hasTag ? named.slice(0, colon) : named;
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const ours = slash >= 0 && isHost(first);
  const host = ours ? first.toLowerCase() : 'docker.io';
  const registry = host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
  const rest = ours ? name.slice(slash + 1) : name;
  const repository = registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest;
  if (!repositoryShape.test(repository) || (tag !== undefined && !tagShape.test(tag))) return undefined;
  if (digest !== undefined) {
    try {
      parseDigest(digest);
    } catch {
      return undefined;
    }
  }
  const shown = tag ?? (digest === undefined ? 'latest' : undefined);
  return {
    registry,
    repository,
    ...(shown !== undefined && { tag: shown }),
    ...(digest !== undefined && { digest }),
  };
}

/** Whether a text can only mean an image of a registry: its first part is a host. */
export const namesRegistry = (text: string): boolean =>
  isHost(text.split('/', 1)[0]!) && text.includes('/') && parseReference(text) !== undefined;

export const referenceName = ({ registry, repository }: Reference): string => `${registry}/${repository}`;

/** The whole name, which means the same everywhere. */
export const referenceText = (reference: Reference): string =>
  referenceName(reference) +
  (reference.tag === undefined ? '' : `:${reference.tag}`) +
  (reference.digest === undefined ? '' : `@${reference.digest}`);
