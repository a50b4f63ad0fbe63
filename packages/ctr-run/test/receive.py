"""A peer for tests: listens on a unix socket, takes one message with descriptors (SCM_RIGHTS), and says what came.

receive.py SOCKET pidfd|console|seccomp: one line of JSON on stdout once it listens, and one of what came.
"""
import array, fcntl, json, os, socket, struct, sys

path, kind = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(path)
listener.listen(1)
print(json.dumps({"listening": path}), flush=True)
peer, _ = listener.accept()
data, control, _, _ = peer.recvmsg(4096, socket.CMSG_SPACE(64))
fds = array.array("i")
for level, type_, bytes_ in control:
    if level == socket.SOL_SOCKET and type_ == socket.SCM_RIGHTS:
        fds.frombytes(bytes_[: len(bytes_) - len(bytes_) % fds.itemsize])
told = {"data": data.decode(), "fds": len(fds)}
if kind == "pidfd":
    info = open(f"/proc/self/fdinfo/{fds[0]}").read()
    told["pid"] = int(info.split("Pid:")[1].split()[0])
elif kind == "seccomp":
    # Nothing but the one message comes, and the connection is closed.
    told["more"] = peer.recv(4096).decode()
    # seccomp_unotify(2): one call is awaited, and refused with ENOSPC.
    notification = bytearray(80)
    fcntl.ioctl(fds[0], 0xC0502100, notification)
    told["caller"] = struct.unpack_from("QI", notification)[1]
    fcntl.ioctl(fds[0], 0xC0182101, struct.pack("=QqiI", struct.unpack_from("Q", notification)[0], 0, -28, 0))
else:
    os.write(fds[0], b"typed\n")
    text = b""
    while b"done" not in text:
        try:
            text += os.read(fds[0], 4096)
        except OSError:
            break
    told["text"] = text.decode()
    told["tty"] = os.isatty(fds[0])
print(json.dumps(told), flush=True)
