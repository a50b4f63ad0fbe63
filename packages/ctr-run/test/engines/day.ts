/** A day's work through an engine, which is led twice in the same house: with runc, and with ctr-run. */
import { afterAll, beforeAll, expect, type TestContext } from 'vitest';
import { type Condition, lacking, skip } from '../../../../test/support.ts';
import type { Unpacked } from '../unpacked.ts';
import { tooSlow } from './engine.ts';
import { answersOf, type Call, type House, newer, openHouse, own, type Peer, through } from './house.ts';

/** Where the engine is from. */
export const places = [
  ['of Debian 12', () => own],
  ['of a newer Debian', newer],
] as const;

interface Engine {
  name: string;
  needed: readonly Condition[];
  where(): Unpacked;
  /** The shell's lines before the calls: the client, and what they know it by. */
  begin(house: House, peer: Peer): string;
  /** Have the engine ready, with its image. */
  open(house: House): void;
  /** Before the house ends. */
  end?(house: House): unknown;
}

/** The house of a group of tests: `enter` skips the test where there is none. */
export function inHouse({ name, needed, where, begin, open, end }: Engine) {
  let house: House | undefined;
  let missing = tooSlow ?? lacking('asked', ...needed);

  beforeAll(async () => {
    if (missing !== undefined) return;
    const found = where();
    if ('lacks' in found) {
      missing = found.lacks;
      return;
    }
    house = await openHouse(`${name}-${found.root === '' ? 'own' : 'newer'}`, found.root);
    open(house);
  }, 600_000);

  afterAll(async () => {
    if (!house) return;
    end?.(house);
    await house.end();
  });

  const enter = (context: TestContext): House => {
    if (missing !== undefined) skip(context, missing);
    return house!;
  };

  /** Make the calls with both runtimes: they answer alike, and what is known beforehand. */
  const both = (context: TestContext, calls: readonly Call[]): void => {
    const inside = enter(context);
    const [theirs, ours] = (['runc', 'ctr'] as const).map((peer) =>
      through(inside, begin(inside, peer), calls),
    );
    expect(ours).toEqual(theirs);
    expect(ours).toEqual(expect.arrayContaining(answersOf(calls)));
  };
  return { enter, both };
}

/**
 * A function of the shell: wait until `client inspect` tells of a container what is wanted, `tries` times with `pause`
 * seconds between, and say what it tells.
 */
export const becomes = (client: string, tries: number, pause: number): string =>
  `becomes() { n=0; while s=$(${client} inspect --format "$3" "$1"); [ "$s" != "$2" ] && [ $n -lt ${tries} ]; do n=$((n+1)); sleep ${pause}; done; echo "$s"; }`;

/** Options of `run` that the clients of Docker and podman both have. */
export const commonOptions = (client: string): Call[] => [
  [`${client} run --rm $make --hostname h1 --pids-limit 50 --cpus 0.5 $image hostname`, '0: h1'],
  [`${client} run --rm $make --shm-size 1m $image stat -f -c %b /dev/shm`, '0: 256'],
  [
    `${client} run --rm $make --device /dev/fuse --cap-drop all --cap-add chown $image sh -c "stat -c %t:%T /dev/fuse; grep Cap /proc/self/status"`,
  ],
  [
    `mkdir -p $home/v && echo in >$home/v/f; ${client} run --rm $make -v $home/v:/v:ro $image sh -c "cat /v/f; touch /v/g"`,
  ],
  [`echo typed | ${client} run --rm --interactive $make $image cat`, '0: typed'],
];
