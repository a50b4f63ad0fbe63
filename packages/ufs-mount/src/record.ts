/** What the store knows of each root: `roots/ID/root.json`. */
import { namesIn, readFile } from '@ctr-tools/host';
import { parseJson } from '@ctr-tools/oci';
import type { RootRequest } from './root-annotation.ts';
import type { RootFacts } from './root-facts.ts';
import type { Store } from './store.ts';

export interface RootRecord extends RootRequest {
  driver: string;
  /** Where it is mounted, where that is not the store's own place. */
  target?: string;
  /** Directories of the layers, topmost first. */
  lower: string[];
  /** Chain ID of the topmost layer and of all below it, bottom first; for what is in the store. */
  chains: string[];
  /** Diff IDs, bottom first. */
  ids: string[];
  created: string;
  /** The container whose root it is, and its state's directory; nobody else sees it mounted. */
  container?: { id: string; state: string };
}

export interface KnownRoot {
  id: string;
  /** Its directory in the store. */
  directory: string;
  /** Where it is or was mounted. */
  target: string;
  /** Where changes are kept. */
  changes: string;
  record: RootRecord;
}

/** All roots of a store; what is half made or spoilt is left out. */
export function knownRoots(store: Store): KnownRoot[] {
  let names: string[];
  try {
    names = namesIn(`${store.path}/roots`).toSorted();
  } catch {
    return [];
  }
  // What is being removed is named so.
  return names.flatMap((id) => {
    if (id.endsWith('.new')) return [];
    const directory = `${store.path}/roots/${id}`;
    try {
      const record = parseJson(readFile(`${directory}/root.json`), 'root.json') as RootRecord;
      const changes = record.upper ?? directory;
      return [{ id, directory, target: record.target ?? `${directory}/root`, changes, record }];
    } catch {
      return [];
    }
  });
}

/** What is to be known of a root that is being made. */
export const recordOf = (facts: RootFacts): RootRecord => ({
  ...facts.request,
  driver: facts.driver.name,
  lower: facts.driver.trees(facts),
  chains: facts.stack.layers.map((layer) => layer.chainId),
  ids: facts.stack.layers.map((layer) => layer.id),
  created: new Date().toISOString(),
});
