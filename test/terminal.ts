/** A person at a terminal: an interactive shell on a pty of its own, driven by a script. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, tempDir, toolEnv } from './support.ts';

const before = `
import os, pty, sys, time, select
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1='$ '); os.environ.pop('PROMPT_COMMAND', None)
    os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])
seen = b''
def expect(text, limit=15):
    global seen
    end = time.time() + limit
    while text.encode() not in seen:
        r, _, _ = select.select([fd], [], [], max(0, end - time.time()))
        if not r:
            print('NEVER SAW', repr(text), 'BUT', repr(seen)); os.kill(pid, 9); sys.exit(1)
        try: seen += os.read(fd, 4096)
        except OSError: seen += b'<gone>'; break
    at = seen.find(text.encode()); out = seen[:at + len(text)]; seen = seen[at + len(text):]
    return out.decode(errors='replace')
def type(text): os.write(fd, text.encode())
def pause(s): time.sleep(s)
`;

/**
 * What the Python script prints, and DONE at its end. It has `type(text)`, `expect(text)` (all
 * that came until then) and `pause(seconds)`; `fd` is the terminal. What is typed is echoed, so
 * what is expected must not stand in it as it is.
 */
export function typed(script: string, env: Record<string, string> = {}): string {
  const file = join(tempDir('typed'), 'typed.py');
  writeFileSync(file, `${before}${script}\nos.close(fd)\nprint('DONE')\n`);
  return run('python3', [file], { env: toolEnv(env), timeout: 60_000 }).stdout;
}
