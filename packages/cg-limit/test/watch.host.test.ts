/** `--watch` at a terminal. */
import { expect, test } from 'vitest';
import { needs } from '../../../test/support.ts';
import { typed } from '../../../test/terminal.ts';

const path = `/ctr-test-watch-${process.pid}`;

test('the cursor comes back, and it ends by the signal, whoever sent it', (context) => {
  needs(context, 'root', 'command:python3');
  const output = typed(`
expect('$ ')
type("cg-limit --cgroup ${path} -- sleep 600 & until cg-limit --show ${path} >/dev/null 2>&1; do sleep 0.1; done; echo rea''dy\\n")
expect('ready')
for signal, code in (('TERM', 143), ('HUP', 129), ('INT', 130)):
    type('cg-limit --watch ${path} & w=$!; sleep 2.5; kill -%s $w; wait $w; echo "end $?"\\n' % signal)
    expect('\\x1b[?25l')
    expect(': 1 process')
    print('head', repr(expect('\\n')))
    shown = expect('end %d' % code)
    print(signal, 'shown' if '\\x1b[?25h' in shown else 'HIDDEN')
type('cg-limit --watch ${path}; echo "end $?"\\n')
expect('LIMIT ON')
type('\\x03')
print('Ctrl-C', 'shown' if '\\x1b[?25h' in expect('$ ') else 'HIDDEN')
type('cg-limit --kill ${path}; wait; echo go""ne\\n')
expect('gone')
`);
  expect(output.match(/^head '\\r\\n'$/gm)).toHaveLength(3);
  expect(output.match(/shown/g)).toHaveLength(4);
  expect(output).toMatch(/DONE\n$/);
});
