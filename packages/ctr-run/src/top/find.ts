/** Which containers there are, and in which directories of which hierarchies. On Node alone. */
import { readdirSync, statSync } from 'node:fs';
import { carriedBy, type Hierarchy, hierarchiesOf, type Place, placeAt } from '@ctr-tools/cg-limit/acts';
import { join, namesIn } from '@ctr-tools/host';
import { invalidId } from '@ctr-tools/oci';
import { type ContainerRecord, readRecord } from '../state/record.ts';
import { namedBy, shortened } from './names.ts';

export interface Container {
  /** As a person calls it. */
  name: string;
  /** `ctr-run`, `docker`, `podman`, `kubernetes`, `machine`, `systemd` … */
  maker: string;
  /** The path of its group from the root of its hierarchies. */
  group: string;
  places: readonly Place[];
  /** The first process, where that is known. */
  pid?: number;
}

/** Each so-manieth look forgets what it knew, for groups below one that had none below it. */
const RARELY = 10;

/** Looks again and again, and keeps what does not change meanwhile. */
export class Finder {
  private readonly hierarchies = hierarchiesOf();
  private readonly places = new Map<string, Place>();
  private readonly records = new Map<string, { time: number; record: ContainerRecord }>();

  private readonly listed = new Map<string, { links: number; names: readonly string[] }>();
  private readonly leaves = new Set<string>();
  private readonly known = new Map<string, Container>();
  private looks = 0;
  private readonly root: string;
  private readonly all: boolean;
  private readonly called: (id: string) => string | undefined;

  /** `called` has the names that people gave to containers of engines, by ID. */
  constructor(root: string, all: boolean, called: (id: string) => string | undefined) {
    this.root = root;
    this.all = all;
    this.called = called;
  }

  /**
   * Containers of ours by the state root; where all are wanted every group that looks like one. `anew`: a group that was
   * there has gone.
   */
  find(anew: boolean): Container[] {
    const found = new Map<string, Container>();
    if (this.all) for (const container of this.others(anew)) found.set(container.group, container);
    for (const record of this.ours()) {
      const container = this.ofRecord(record);
      if (container) found.set(container.group, container);
    }
    return [...found.values()];
  }

  /** Groups with names of containers. */
  private others(anew: boolean): Container[] {
    // One that has gone may have another in its place, which the number of links does not tell.
    if (anew) this.listed.clear();
    if (++this.looks % RARELY === 0) {
      this.listed.clear();
      this.leaves.clear();
    }
    return [...this.groups()].flatMap(([group, hierarchies]) => {
      const known = this.known.get(group);
      if (known && known.places.length === hierarchies.length) return [known];
      const named = namedBy(group);
      if (!named) return [];
      const name = this.called(named.id) ?? shortened(named.id);
      const places = hierarchies.map((h) => this.placeIn(h, join(h.mountPoint, group)));
      const container = { name, maker: named.maker, group, places };
      this.known.set(group, container);
      return [container];
    });
  }

  /** The paths of all groups and who has them. */
  private groups(): Map<string, Hierarchy[]> {
    const paths = new Map<string, Hierarchy[]>();
    const walk = (h: Hierarchy, path: string): void => {
      for (const name of this.namesIn(`${h.mountPoint}${path}`)) {
        const below = `${path}/${name}`;
        const list = paths.get(below);
        if (list) list.push(h);
        else paths.set(below, [h]);
        walk(h, below);
      }
    };
    for (const h of this.hierarchies) walk(h, '');
    return paths;
  }

  /**
   * The directories in a directory of cgroupfs. It has a link for each of them (kernfs counts them, fs/kernfs/inode.c),
   * so one that has only two need not be read, and one that has as many as before need not be read again.
   */
  private namesIn(directory: string): readonly string[] {
    if (this.leaves.has(directory)) return [];
    const known = this.listed.get(directory);
    try {
      const links = statSync(directory, { throwIfNoEntry: false })?.nlink ?? 2;
      if (known?.links === links) return known.names;
      if (links <= 2) {
        this.leaves.add(directory);
        return [];
      }
      const entries = readdirSync(directory, { withFileTypes: true });
      const names = entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
      this.listed.set(directory, { links, names });
      return names;
    } catch {
      return []; // removed meanwhile, or not ours to see
    }
  }

  private placeIn(h: Hierarchy, directory: string): Place {
    const known = this.places.get(directory);
    if (known) return known;
    const place = placeAt(h, directory);
    this.places.set(directory, place);
    return place;
  }

  /** The states under the root, each read again only when it was written again. */
  private ours(): ContainerRecord[] {
    let names: string[];
    try {
      names = namesIn(this.root);
    } catch {
      return []; // not there before the first container
    }
    return names
      .filter((name) => invalidId(name) === undefined)
      .flatMap((id) => {
        try {
          const time = statSync(`${this.root}/${id}/state.json`).mtimeMs;
          const known = this.records.get(id);
          if (known?.time === time) return [known.record];
          const record = readRecord(this.root, id);
          if (!record) return [];
          this.records.set(id, { time, record });
          return [record];
        } catch {
          return []; // removed meanwhile, or not ours to read
        }
      });
  }

  private ofRecord({ id, pid, cgroup }: ContainerRecord): Container | undefined {
    const places = this.hierarchies.flatMap((h) => {
      const directory = cgroup?.paths[h.version === 2 ? 'unified' : carriedBy(h)[0]!];
      return directory === undefined ? [] : [this.placeIn(h, directory)];
    });
    const [place] = places;
    if (!place) return undefined;
    const group = place.directory.slice(place.mountPoint.length) || '/';
    return { name: id, maker: 'ctr-run', group, places, ...(pid && { pid }) };
  }
}
