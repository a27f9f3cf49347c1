#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An ordinary HTTP server over the kernel's MPTCP: all that is special is the 262 (IPPROTO_MPTCP) of its socket.

    server.py DIR PORT

GET of a path is the file of that name in DIR, PUT writes it; X-SHA256 in the response is the hash of what was read or
written. GET /account tells, in lines of a name and a value, the kernel's MPTCP counters and how many bytes each
exchange had to send again on another path. Prints "ready" when it listens.
"""

import contextlib
import functools
import hashlib
import os
import re
import shutil
import socket
import socketserver
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

IPPROTO_MPTCP = 262
SOL_MPTCP, MPTCP_INFO = 284, 1
INFO_BYTES_RETRANS = 48  # offset in struct mptcp_info (Linux 6.5 and later)
CHUNK = 1 << 20
END_TIMEOUT = 10

directory = "."
reinjected = []  # lines of the account


def kernel_counters():
    """The MPTcpExt line of /proc/net/netstat, which belongs to this process's network namespace."""
    with open("/proc/net/netstat", encoding="ascii") as f:
        lines = [line.split() for line in f if line.startswith("MPTcpExt:")]
    return "".join(f"MPTcpExt{name} {value}\n" for name, value in zip(*(line[1:] for line in lines)))


@functools.cache
def hash_of(path):
    sha = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(CHUNK):
            sha.update(block)
    return sha.hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def path_of_file(self):
        name = self.path.removeprefix("/")
        return os.path.join(directory, name) if re.fullmatch(r"[a-z]+", name) else None

    def begin(self, status, length, sha=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        if sha:
            self.send_header("X-SHA256", sha)
        self.end_headers()

    def end(self):
        """Waits for the client's end, so that what the exchange cost is known, and writes it down."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(END_TIMEOUT)
        self.connection.recv(1)
        info = self.connection.getsockopt(SOL_MPTCP, MPTCP_INFO, 256)
        if len(info) >= INFO_BYTES_RETRANS + 8:
            (again,) = struct.unpack_from("=Q", info, INFO_BYTES_RETRANS)
            reinjected.append(f"Reinjected.{self.command}.{self.path.removeprefix('/')} {again}\n")

    def do_GET(self):
        if self.path == "/account":
            body = ("".join(reinjected) + kernel_counters()).encode()
            self.begin(200, len(body))
            self.wfile.write(body)
        elif (path := self.path_of_file()) and os.path.isfile(path):
            with open(path, "rb") as f:
                self.begin(200, os.path.getsize(path), hash_of(path))
                shutil.copyfileobj(f, self.wfile, CHUNK)
        else:
            self.begin(404, 0)
        self.end()

    def do_PUT(self):
        path = self.path_of_file()
        left = int(self.headers.get("Content-Length", 0))
        sha = hashlib.sha256()
        with open(path or os.devnull, "wb") as f:
            while left and (block := self.rfile.read1(min(left, CHUNK))):
                sha.update(block)
                f.write(block)
                left -= len(block)
        hash_of.cache_clear()
        self.begin(201 if path and not left else 400, 0, sha.hexdigest())
        self.end()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def __init__(self, address):
        super().__init__(address, Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
        # The same on every machine, whatever its default is (which another namespace than the first may not change).
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        self.server_bind()
        self.server_activate()

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # HTTPServer's would ask a name server who we are


if __name__ == "__main__":
    directory = sys.argv[1]
    for entry in os.scandir(directory):  # nobody shall wait for this later
        hash_of(entry.path)
    server = Server(("", int(sys.argv[2])))
    print("ready", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
