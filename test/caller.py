"""
A caller with everything about its process changed, which then becomes a command.

    caller.py CHANGES FILE COMMAND...

CHANGES are words with commas between: ignore, block, limits, descriptors, nonblock, group, umask,
environment. FILE is any file of some length. The PID goes to stdout before.
"""
import ctypes
import fcntl
import os
import resource
import signal
import socket
import sys

changes, path, command = sys.argv[1].split(","), sys.argv[2], sys.argv[3:]
RT = signal.SIGRTMIN

# Python's own doing, for a start (Modules/signalmodule.c, Python/pylifecycle.c).
for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
    signal.signal(number, signal.SIG_DFL)

if "ignore" in changes:
    for number in (1, 2, 3, 10, 13, 15, 17, 20, 25, 28, RT + 3):
        signal.signal(number, signal.SIG_IGN)
if "block" in changes:
    signal.pthread_sigmask(signal.SIG_SETMASK, [2, 10, 12, 13, 15, 17, 18, 20, 28, RT, RT + 9])
if "umask" in changes:
    os.umask(0o137)
if "limits" in changes:
    # A soft limit of 24 descriptors and so little memory is less than the planner needs for itself.
    wanted = {
        "CPU": (500, 900), "FSIZE": (4096, 1 << 30), "DATA": (30 << 20, 1 << 40), "STACK": (2 << 20, 1 << 30),
        "CORE": (0, 1 << 20), "NPROC": (3000, 3500), "NOFILE": (321, 654), "MEMLOCK": (0, 65536),
        "AS": (300 << 20, 1 << 46), "SIGPENDING": (50, 100), "MSGQUEUE": (0, 4096), "NICE": (0, 0), "RTPRIO": (0, 0),
    }
    for name, limit in wanted.items():
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), limit)
if "descriptors" in changes:
    def put(fd, at):
        # Those of 200 and on are where the launcher would have its own.
        os.dup2(fd, at, inheritable=True)
    reading = os.open(path, os.O_RDONLY)
    os.lseek(reading, 7, os.SEEK_SET)
    put(reading, 5)
    put(os.open(path, os.O_WRONLY | os.O_APPEND), 6)
    ends = os.pipe2(os.O_NONBLOCK)
    put(ends[0], 9), put(ends[1], 4)
    put(socket.socketpair()[0].detach(), 10)
    put(os.open("/", os.O_PATH | os.O_DIRECTORY), 200)
    put(os.open("/dev/null", os.O_RDWR), 201)
    put(reading, 319)
    os.closerange(11, 200)
if "nonblock" in changes:
    for fd in (0, 1, 2):
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)
if "group" in changes:
    os.setpgid(0, 0)
if "session" in changes:
    os.setsid()

environment = [name + b"=" + value for name, value in os.environb.items()]
if "environment" in changes:
    environment += [b"odd.name=1", b"with space=2", b"=weird=3", b"EMPTY=", b"TWICE=first", b"TWICE=second", b"noequals",
                    b"bytes=\xff\xfe\x01", b"line=a\nb", b"NODE_OPTIONS=--bogus", b"LD_BIND_NOW=1", b"CTR_TEST=x", b"BUN_OPTIONS=-x"]

os.write(1, b"%d\n" % os.getpid())
words = (ctypes.c_char_p * (len(command) + 1))(*map(os.fsencode, command))
variables = (ctypes.c_char_p * (len(environment) + 1))(*environment)
libc = ctypes.CDLL(None, use_errno=True)
libc.execve(os.fsencode(command[0]), words, variables)
sys.exit("caller: exec: " + os.strerror(ctypes.get_errno()))
