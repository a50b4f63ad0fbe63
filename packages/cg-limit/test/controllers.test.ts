/**
 * What holds for every flag of every controller, by its declaration alone: it parses, sets something, is shown, is a
 * property of systemd's or says why not, and is completed. A controller that is new is in here by itself.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flagsOf } from '@ctr-tools/cli';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../../../test/support.ts';
import { grammarOf } from '../../cli/src/common.ts';
import { completions, parseArgv, type Tool } from '../../cli/src/index.ts';
import { inspect } from '../src/act/inspect.ts';
import { controllers } from '../src/controllers/index.ts';
import type { Line } from '../src/controllers/show.ts';
import { applyRules, exceptionText } from '../src/devices/rules.ts';
import { cgLimit } from '../src/index.ts';
import { resourcesOf } from '../src/resources.ts';
import type { Setting } from '../src/setting.ts';
import { settingsOf } from '../src/settings.ts';
import { deviceProperties, propertiesOf } from '../src/systemd/properties.ts';
import { host, v1Abilities, v2Abilities } from './fixtures.ts';

const abilities = { 1: v1Abilities, 2: v2Abilities } as const;
const grammar = grammarOf(cgLimit as unknown as Tool);

/** How the kernel says what was written, where that differs. */
const said: Readonly<Record<string, (value: string) => string>> = {
  'memory.oom_control': (value) => `oom_kill_disable ${value}\nunder_oom 0\noom_kill 0`,
};

/** `--show` of a group in which these limits stand. */
function shown(settings: readonly Setting[], version: 1 | 2, devices?: string): Line[] {
  const directory = tempDir('group');
  for (const { file, value } of settings)
    writeFileSync(join(directory, file), `${said[file]?.(value) ?? value}\n`);
  if (devices !== undefined) writeFileSync(join(directory, 'devices.list'), devices);
  const names = Object.keys(abilities[version].carriers);
  const place = { version, controllers: names, directory, mountPoint: '/cg' };
  return inspect({ name: 'web', places: [place] }, ['2MB']).lines;
}

const every = controllers.flatMap(({ names, flags }) => flags.map((flag) => [names[0]!, flag] as const));

test('flags stand at one controller each, under the name that they have in the help', () => {
  const names = every.map(([, { name }]) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(flagsOf(cgLimit).map(({ name }) => name)).toEqual(expect.arrayContaining(names));
});

describe.each(every.map(([name, flag]) => [name, flag.name, flag] as const))(
  '%s: --%s',
  (_controller, _name, flag) => {
    const resources = resourcesOf(parseArgv([...flag.example, '--', 'true'], grammar), {});
    const list = resources.devices && applyRules(resources.devices);
    const versions = [1, 2] as const;

    test('its example has it, and says something', () => {
      expect(flag.example.at(-1)).toMatch(new RegExp(`^--${flag.name}(=|$)`));
      expect(Object.keys(resources)).not.toEqual([]);
    });

    test.each(versions)('v%d: it is shown, or says why not; a version without it refuses it', (version) => {
      const told = flag.shown[version];
      const settings = () => settingsOf(resources, abilities[version]);
      if (told === undefined) {
        expect(settings).toThrow(/cgroup v[12]|controller/);
        expect(flag.description).toContain(`(v${3 - version})`);
        return;
      }
      if (typeof told !== 'string') {
        expect(told.not).toMatch(/\w+ \w+/);
        return;
      }
      const lines = shown(settings(), version, list?.exceptions.map(exceptionText).join('\n'));
      const found = lines.find(({ name }) => name === told);
      expect(found, `${told} in ${JSON.stringify(lines)}`).toBeDefined();
      expect(found!.limit).toBeDefined();
      expect(found!.limit).not.toBe('max');
    });

    test.each(versions)('v%d: it is a property of a unit, or says why not', (version) => {
      if (flag.shown[version] === undefined) {
        expect(flag.property[version]).toBeUndefined();
        return;
      }
      const property = flag.property[version]!;
      const names = [
        ...propertiesOf(settingsOf(resources, abilities[version])),
        ...((list && deviceProperties(list)) ?? []),
      ].map(([name]) => name);
      if (typeof property === 'string') expect(names).toContain(property);
      else {
        expect(property.not).toMatch(/\w+ \w+/);
        // Another flag of the example may be one.
        if (flag.example.length === 1) expect(names).toEqual([]);
      }
    });

    test('it is completed', async () => {
      const tool = cgLimit as unknown as Tool;
      const lines = await completions(tool, [`--${flag.name}`], host, async () => undefined);
      expect(lines).toContainEqual([`--${flag.name}`, flag.description]);
    });
  },
);
