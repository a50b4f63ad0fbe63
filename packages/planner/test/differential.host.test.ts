/**
 * The engine in the launcher answers as Node does: the same plan, the same output, the same words and the same
 * exit code for each request. Node is where unit tests run, so what they hold is held for the engine by this.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { tempDir } from '../../../test/support.ts';
import type { Case } from './case.ts';
import { corpus } from './corpus.ts';
import { goldenPlans } from './golden.ts';
import { type Answered, ask, makeSides, runner, type Side } from './sides.ts';

const directory = tempDir('sides');
const cases = corpus(directory);
let sides: Record<Side, string[]>;

beforeAll(async () => {
  sides = await makeSides(directory);
}, 300_000);

const askedForNode = 'CTRNODE\0';

/** What differs from one call to the next: the time, random names, and what is measured. */
function lasting(bytes: Buffer, varies: Case['varies']): string {
  const text = bytes
    .toString('latin1')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'TIME')
    .replace(/(ctr-c1-)[0-9a-f]{8}/g, '$1RANDOM');
  if (varies === 'lines') return text === '' ? 'nothing' : 'something';
  return varies === 'numbers' ? text.replace(/[\d.]+ *[KMG]?i?B?/g, 'N').replace(/ +/g, ' ') : text;
}

const shown = ({ status, stdout, stderr, plan }: Answered, varies: Case['varies']) => ({
  status,
  stdout: lasting(stdout, varies),
  stderr: lasting(stderr, varies),
  plan: lasting(plan, varies),
});

test('the corpus is large, and each of its cases has a name of its own', () => {
  expect(cases.length).toBeGreaterThan(300);
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
});

test('the golden plans are the same on the engine', async () => {
  const golden = join(import.meta.dirname, '../../ctr-run/test/golden');
  const made = await goldenPlans(runner, directory);
  expect(
    Object.keys(made)
      .map((name) => basename(name))
      .sort(),
  ).toEqual(readdirSync(golden).sort());
  for (const [name, text] of Object.entries(made))
    expect(text).toBe(readFileSync(join(golden, basename(name)), 'utf8'));
}, 120_000);

describe('on the engine and on Node', () => {
  test.each(cases.filter(({ node }) => !node))('$name', (asked: Case) => {
    const [engine, node] = (['engine', 'node'] as const).map((side) => ask(sides[side], asked, directory));
    expect(shown(engine!, asked.varies)).toEqual(shown(node!, asked.varies));
    expect(node!.stderr.toString()).not.toMatch(/this is a bug/);
  });

  test.each(cases.filter(({ node }) => node))('$name', (asked: Case) => {
    const { status, stdout, stderr, plan } = ask(sides.engine, asked, directory);
    expect({ status, stdout: String(stdout), stderr: String(stderr), plan: String(plan) }).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
      plan: asked.stdin === undefined ? askedForNode : `${askedForNode}\x01${asked.stdin}`,
    });
  });
});
