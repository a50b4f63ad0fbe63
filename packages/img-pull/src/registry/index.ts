/** The places of images, each asked by what the command line and the machine say. */
import { Failure, type Host } from '@ctr-tools/cli';
import type { Reference } from '@ctr-tools/oci/image';
import { referenceName } from '@ctr-tools/oci/image';
import type { PullOptions } from '../options.ts';
import { Registry } from './client.ts';
import { credentialsFor } from './credentials.ts';
import { Connections, type Trust } from './http.ts';
import { placesOf, trustOf } from './places.ts';

export interface Registries {
  /** For an image: its mirrors, then the registry itself. */
  of(reference: Reference): readonly Registry[];
  /** What the first of them answers that does not fail. Throws a `Failure` with what each said. */
  first<T>(reference: Reference, ask: (registry: Registry) => Promise<T>): Promise<T>;
  /** The registry itself, to write to. */
  writable(reference: Reference): Registry;
  close(): void;
}

export function registriesOf(
  { mirrors, ca, insecure }: Pick<PullOptions, 'mirrors' | 'ca' | 'insecure'>,
  host: Host,
): Registries {
  const connections = new Connections(host.env);
  const trusts = new Map<string, Trust>();
  const known = new Map<string, Registry[]>();
  const reaching = {
    connections,
    trust(name: string, unverified: boolean): Trust {
      const key = `${name} ${unverified}`;
      const trust = trusts.get(key) ?? trustOf(name, { ca, insecure: unverified }, host);
      trusts.set(key, trust);
      return trust;
    },
    credentials: ({ credentials }: Registry['place']) =>
      credentialsFor(credentials.registry, credentials.repository, host),
  };
  const of = (reference: Reference): Registry[] => {
    const name = referenceName(reference);
    const made =
      known.get(name) ??
      placesOf(reference, { mirrors, insecure }, host).map((place) => new Registry(place, reaching));
    known.set(name, made);
    return made;
  };
  return {
    of,
    async first(reference, ask) {
      const failures: string[] = [];
      for (const registry of of(reference)) {
        const { serves } = registry.place;
        if (serves === (reference.digest === undefined ? 'digest-only' : 'tag-only')) continue;
        try {
          return await ask(registry);
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          failures.push(error.message);
        }
      }
      throw new Failure(failures.join('; '));
    },
    writable(reference) {
      const origin = placesOf(reference, { mirrors: [], insecure }, host).at(-1)!;
      return new Registry(origin, reaching, 'pull,push');
    },
    close: () => connections.close(),
  };
}
