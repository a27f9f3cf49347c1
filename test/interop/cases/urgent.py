# SPDX-License-Identifier: BSD-3-Clause
"""Urgent data of plain TCP between the engine and the kernel."""

import select
import socket

from bed import Failure
from packets import URG
from wire import both_roles


def check(what, got, wanted):
    if got != wanted:
        raise Failure(f"{what} is {got} instead of {wanted}")


def plain(bed, we_connect):
    bed.start(mptcp_enabled=False)
    return bed.connect(we_connect, tcp=True)


@both_roles
def urgent_by_us(bed, we_connect, size):
    """The kernel is told, stops at our mark, and reads the octet apart.
    T-URG-01, T-URG-03."""
    ours, kernels = plain(bed, we_connect)
    ours.send(b"before")
    ours.engine.call("send_urgent", ours.number, b"ab!".hex())
    ours.send(b"behind")
    bed.until(lambda: select.select([], [], [kernels.s], 0)[2], "the kernel hears of the octet")
    bed.until(lambda: len(kernels.s.recv(100, socket.MSG_PEEK)) == 8, "what stands before the mark arrives")
    check("what stands before the mark", kernels.s.recv(100), b"beforeab")
    check("the octet", kernels.s.recv(1, socket.MSG_OOB), b"!")
    bed.until(lambda: kernels.heard() == 6, "the rest arrives")
    check("the rest", kernels.received(), b"behind")
    check("the pointer", [s.urgent for s in bed.sent(True, lambda s: s.flags & URG)][-1], 3)
    bed.end(ours, kernels)


@both_roles
def urgent_by_the_kernel(bed, we_connect, size):
    """We are told, and read the octet apart.
    T-URG-01, T-URG-04."""
    ours, kernels = plain(bed, we_connect)
    ours.engine.call("urgent_apart", ours.number)
    ours.reading(False)
    kernels.send(b"before")
    kernels.s.send(b"ab!", socket.MSG_OOB)
    kernels.send(b"behind")
    bed.until(lambda: ours.engine.said("urgent", sock=ours.number), "we hear of it")
    bed.until(lambda: bed.sent(False, lambda s: s.payload.endswith(b"behind")), "all of it leaves")
    check("the octet", ours.engine.call("urgent", ours.number), ord("!"))
    ours.reading(True)
    bed.until(lambda: ours.heard() == 14, "the rest arrives")
    check("what was read", ours.received(), b"beforeabbehind")
    bed.end(ours, kernels)
