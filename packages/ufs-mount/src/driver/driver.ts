import type { AnyStep, Text } from '@ctr-tools/plan';
import type { RootFacts } from '../root-facts.ts';
import type { Stack } from '../stack.ts';
import type { Store } from '../store.ts';

/** What a choice of driver depends on. */
export interface Situation {
  store: Store;
  stack: Stack;
  /** The root is the machine's own. */
  host: boolean;
  rootless: boolean;
}

/** Where a root is made. */
export interface Making {
  /** The root's own directory in the store, or where changes are kept. */
  directory: Text;
  /** Where it is to be seen: an existing directory. */
  target: Text;
  /** Remove what was made when the command has ended, too, not only after a failure. */
  passing: boolean;
}

/** A way to present layers as one tree. */
export interface Driver {
  name: string;
  /** What lies under `target` is a mount; else it is the directory itself. */
  mounts: boolean;
  /** Why it cannot be used here, or undefined. */
  lacking(situation: Situation): string | undefined;
  /** Have the layers, in the form that this driver wants. Side host, phase `state`. */
  layers(facts: RootFacts): AnyStep[];
  /** Make the root visible at `making.target`. Phase `state`, side host. */
  make(facts: RootFacts, making: Making): AnyStep[];
}
