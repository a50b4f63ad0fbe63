/** Who joined a PID namespace and kept /proc finds others under its own PID there; a tool must not take them for its caller. */
import { describe, expect, test } from 'vitest';
import { bin, needs, runShell, toolEnv } from './support.ts';

describe('in a PID namespace whose /proc is another’s', () => {
  const inside = (line: string) =>
    runShell(`ns-enter --new pid -- sh -c '${line}'`, {
      env: toolEnv({ PATH: `${bin}:${process.env.PATH}` }),
    });

  test('caps-drop sees and reduces what its caller has', (context) => {
    needs(context, 'root');
    const sets = (line: string) => {
      const { stdout, stderr } = inside(line);
      expect(stderr).toBe('');
      const { name, capabilities } = JSON.parse(stdout) as {
        name: string;
        capabilities: Record<'effective' | 'bounding', string[]>;
      };
      return [name, capabilities.effective, capabilities.bounding];
    };
    const both = ['CAP_CHOWN', 'CAP_SETPCAP'];
    expect(sets('caps-drop --only chown,setpcap -- caps-drop --show --json')).toEqual([
      'caps-drop',
      both,
      both,
    ]);
    // Control: who looks under its own PID there is told of another process.
    const bounds = inside(
      'caps-drop --only chown,setpcap -- sh -c "grep CapBnd /proc/self/status /proc/\\$\\$/status"',
    ).stdout;
    const [own, other] = bounds
      .trim()
      .split('\n')
      .map((text) => text.split(/\s+/)[1]);
    expect(own).toBe('0000000000000101');
    expect(other).not.toBe(own);
    const less = 'caps-drop --only chown,setpcap -- caps-drop --drop setpcap -- caps-drop --show --json';
    expect(sets(less)).toEqual(['caps-drop', ['CAP_CHOWN'], ['CAP_CHOWN']]);
  });

  test('seccomp-load sees the filters of its caller', (context) => {
    needs(context, 'root');
    expect(inside('seccomp-load default -- seccomp-load --show').stdout).toMatch(/^filters +1$/m);
    // Control: under its own PID there is another process, which has none.
    const own = 'seccomp-load default -- sh -c "grep Seccomp_filters /proc/self/status /proc/\\$\\$/status"';
    const counts = inside(own).stdout.trim().split('\n');
    expect(counts.map((text) => text.split(/\s+/)[1])).toEqual(['1', '0']);
  });
});
