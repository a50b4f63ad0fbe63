"""
A service manager: notify-manager.py ADDRESS SECONDS. What comes to the datagram socket is printed a line each, as
JSON: the text, the sender's PID, and how many descriptors came with it. A barrier is answered by closing them.
"""
import array
import json
import socket
import struct
import sys

address, seconds = sys.argv[1], float(sys.argv[2])
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind("\0" + address[1:] if address[0] == "@" else address)
s.settimeout(seconds)
print("listening", flush=True)
while True:
    try:
        data, control, _, _ = s.recvmsg(4096, 4096)
    except socket.timeout:
        break
    pid, fds = 0, array.array("i")
    for level, kind, text in control:
        if kind == socket.SCM_RIGHTS:
            fds.frombytes(text)
        else:
            pid = struct.unpack("3i", text)[0]
    for fd in fds:
        __import__("os").close(fd)
    print(json.dumps({"text": data.decode(), "sender": pid, "fds": len(fds)}), flush=True)
