import type { AnyStep, Slot, Text } from '@ctr-tools/plan';
import type { RootFacts } from '../root-facts.ts';
import type { Stack } from '../stack.ts';
import type { Store } from '../store.ts';

/** What a choice of driver depends on. */
export interface Situation {
  store: Store;
  stack: Stack;
  /** The root is the machine's own. */
  host: boolean;
  /** We have no owners to give but ourselves. */
  rootless: boolean;
  /** We are in a user namespace, whose root has no rights over the machine's devices. */
  inside: boolean;
  /** Some sources are `data:` directories. */
  data: boolean;
}

/** Where a root is made. */
export interface Making {
  /** The root's own directory in the store, or where changes are kept. */
  directory: Text;
  /** Where it is to be seen: an existing directory. */
  target: Text;
  /** The changes are thrown away. */
  passing: boolean;
}

/** A root for a container, whose mount is not to be seen on the machine. */
export interface Detaching {
  /** As in `Making`. */
  directory: string;
  passing: boolean;
  /** Filled with a mount that is attached nowhere. */
  mount: Slot;
}

/** A way to present layers as one tree. */
export interface Driver {
  name: string;
  /** `detach` gives the root the owners of `facts.owners` itself. */
  mapsOwners?: boolean;
  /** Why it cannot be used here, or undefined. */
  lacking(situation: Situation): string | undefined;
  /** Directories of the layers as they lie in the store, topmost first. */
  trees(facts: Pick<RootFacts, 'store' | 'stack' | 'request'>): string[];
  /** Have the layers, in the form that this driver wants. Side host, phase `state`. */
  layers(facts: RootFacts): AnyStep[];
  /** Make the root visible at `making.target`. Phase `state`, side host. */
  make(facts: RootFacts, making: Making): AnyStep[];
  /** Make the root for a container. Phase `state`, side host. */
  detach(facts: RootFacts, detaching: Detaching): AnyStep[];
}
