# SPDX-License-Identifier: BSD-3-Clause
"""A bed for tests and benchmarks against this machine's kernel: network namespaces, interfaces, counters, processes.

Namespaces have no name: one lives as long as this process, or a process that was started in it. So nothing outlives a test,
and there is nothing to clean up. Run from one thread only.
"""

import array
import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

CLONE_NEWNET, ADDR_NO_RANDOMIZE = 0x40000000, 0x0040000
PR_SET_PDEATHSIG = 1
SIOCGIFFLAGS, IFF_RUNNING = 0x8913, 0x40
SIOCETHTOOL, ETHTOOL_SGRO = 0x8946, 0x2C
libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """A test that failed, or a bed that could not be made; says why."""


# ---- Namespaces and interfaces ----------------------------------------------------------------------------------------


def _check(status, what):
    if status:
        raise Failure(f"{what}: {os.strerror(ctypes.get_errno())}")


class Namespace:
    """Made and entered at once: what is called and started next happens in it."""

    def __init__(self):
        _check(libc.unshare(CLONE_NEWNET), "a network namespace")
        self._fd = os.open("/proc/self/ns/net", os.O_RDONLY)
        ip("link", "set", "lo", "up")
        for which in ("all", "default"):
            sysctl(f"net.ipv6.conf.{which}.accept_dad", 0)
            sysctl(f"net.ipv6.conf.{which}.router_solicitations", 0)

    @classmethod
    def here(cls):
        """The one that was entered last."""
        namespace = cls.__new__(cls)
        namespace._fd = os.open("/proc/self/ns/net", os.O_RDONLY)
        return namespace

    def enter(self):
        _check(libc.setns(self._fd, CLONE_NEWNET), "entering a network namespace")

    def path(self):
        """What `ip link ... netns` takes, while this process lives."""
        return f"/proc/{os.getpid()}/fd/{self._fd}"


def ip(*words):
    done = subprocess.run(["ip", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"ip {' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def sysctl(name, value):
    """Names have dots, but for those within an interface's name."""
    Path("/proc/sys", *name.split(".")).write_text(f"{value}\n")


def tun(name, addresses):
    """A TUN interface that waits for a program of ours; `addresses` (with prefix) are the kernel's."""
    ip("tuntap", "add", "dev", name, "mode", "tun", "vnet_hdr")
    for address in addresses:
        ip("address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
    ip("link", "set", name, "up")


def running(name):
    """A program has opened the TUN interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        answer = fcntl.ioctl(s, SIOCGIFFLAGS, struct.pack("16sH14x", name.encode(), 0))
    return bool(struct.unpack("16sH14x", answer)[1] & IFF_RUNNING)


def merge_received(name):
    """Generic receive offload on, as `ethtool -K NAME gro on`."""
    value = array.array("I", [ETHTOOL_SGRO, 1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP8x", name.encode(), value.buffer_info()[0]))


def scratch():
    """A folder for much data, in memory where there is some; for `with`."""
    shm = "/dev/shm"
    roomy = os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 1 << 30
    return tempfile.TemporaryDirectory(prefix="umptcp-", dir=shm if roomy else None)


def fix_addresses():
    """No address randomization for programs that are started next: sanitizers of older compilers need that on kernels that
    randomize many bits."""
    libc.personality(ADDR_NO_RANDOMIZE)


# ---- Counters ---------------------------------------------------------------------------------------------------------


def counters():
    """What nstat shows, under its names: {"TcpInErrs": 0, "MPTcpExtMPCapableSYNRX": 1, ...}"""
    values = {}
    for name in ("snmp", "netstat"):
        lines = Path("/proc/self/net", name).read_text().splitlines()
        for names, numbers in zip(lines[::2], lines[1::2]):
            group, *names = names.replace(":", "").split()
            values.update(zip((group + n for n in names), map(int, numbers.split()[1:])))
    for line in Path("/proc/self/net/snmp6").read_text().splitlines():
        name, number = line.split()
        values[name] = int(number)
    return values


def traffic(name):
    """(bytes that the kernel received from an interface, bytes that it sent)."""
    for line in Path("/proc/self/net/dev").read_text().splitlines():
        if line.strip().startswith(name + ":"):
            words = line.split(":")[1].split()
            return int(words[0]), int(words[8])
    raise Failure(f"no interface {name}")


# ---- Processes --------------------------------------------------------------------------------------------------------


class Process:
    """A program in this namespace, which ends with this one at the latest. Standard error goes to the file `errors`; input
    and output are files, or what subprocess takes; it inherits the descriptors `keep`."""

    def __init__(self, name, command, errors, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cpu=None, keep=()):
        self.name, self.errors, self.output = name, errors, stdout

        def prepare():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})

        with contextlib.ExitStack() as files:

            def stream(f, mode):
                return files.enter_context(open(f, mode)) if isinstance(f, Path) else f

            self._popen = subprocess.Popen(
                list(map(str, command)),
                stdin=stream(stdin, "rb"),
                stdout=stream(stdout, "wb"),
                stderr=files.enter_context(open(errors, "wb")),
                preexec_fn=prepare,
                pass_fds=keep,
            )
        self.stdin, self.stdout = self._popen.stdin, self._popen.stdout  # when they are pipes

    def ended(self):
        return self._popen.poll() is not None

    def said(self):
        return self.errors.read_text(errors="replace")

    def wait(self, seconds):
        """Its exit status."""
        try:
            return self._popen.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {seconds:.0f} s") from None

    def until(self, condition, what, seconds=10):
        """Waits for something while the program runs."""
        wait_until(lambda: condition() or self.ended(), f"{self.name}: {what}", seconds)
        if not condition():
            raise Failure(f"{self.name} ended before: {what}")

    def until_says(self, text, seconds=10):
        self.until(lambda: text in self.said(), f"says '{text}'", seconds)

    def signal(self, number):
        self._popen.send_signal(number)

    def stop(self):
        """Ends it, when it still runs."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self.stdin, self.stdout):
            if pipe and not pipe.closed:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def until_still(value, seconds, what):
    """Waits until a value has not changed for 300 ms: a transfer has come to a halt."""
    last, since, end = value(), time.monotonic(), time.monotonic() + seconds
    while time.monotonic() - since < 0.3:
        if time.monotonic() > end:
            raise Failure(f"{what} goes on after {seconds:.0f} s")
        time.sleep(0.01)
        if (now := value()) != last:
            last, since = now, time.monotonic()


def wait_until(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.005)
