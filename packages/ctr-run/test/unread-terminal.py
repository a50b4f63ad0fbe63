"""
A terminal that nobody reads: unread-terminal.py terminal|pipe|socket signal|key|death COMMAND... -- ENDS...

COMMAND runs with a terminal on stdin, and its output goes to what the first word says, of which nothing is
read. Once that is full, it gets SIGTERM, a Ctrl-C is typed, or ENDS is run. Its exit code is printed, or "deaf".
"""
import os
import pty
import socket
import subprocess
import sys
import time

out, how = sys.argv[1:3]
at = sys.argv.index("--")
command, ends = sys.argv[3:at], sys.argv[at + 1:]
keyboard, terminal = pty.openpty()
if out == "terminal":
    unread, shown = keyboard, terminal
elif out == "pipe":
    unread, shown = os.pipe()
else:
    unread, shown = [s.detach() for s in socket.socketpair()]

def begin():
    os.setsid()
    import fcntl, termios
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

process = subprocess.Popen(command, stdin=terminal, stdout=shown, stderr=subprocess.DEVNULL, preexec_fn=begin, pass_fds=())

def waits(pid):
    """All threads of the process and of those below it have slept through a while: everything is full."""
    return sum(int(x) for x in open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:15])

last, still = None, 0
for _ in range(150):
    time.sleep(0.1)
    now = (waits(process.pid), )
    still = still + 1 if now == last else 0
    last = now
    if still >= 10 or process.poll() is not None:
        break
if how == "signal":
    process.terminate()
elif how == "key":
    os.write(keyboard, b"\x03")
else:
    subprocess.run(ends, check=True)
try:
    print(process.wait(8))
except subprocess.TimeoutExpired:
    process.kill()
    process.wait()
    print("deaf")
