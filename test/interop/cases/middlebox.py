# SPDX-License-Identifier: BSD-3-Clause
"""Middleboxes (src/sim/middlebox.h) between us and the kernel: what becomes of the connection, in both roles. Directions are the
flow's: fwd is from who connected."""

from sides import alone, case, expect_handshake

# By name: the elements, and whether the connection stays MPTCP.
ON_ONE_WIRE = {
    "syn-stripped": ("strip:option=mptcp,on=syn", False),  # M-MBX-01
    "synack-stripped": ("strip:option=mptcp,on=synack", False),  # M-MBX-02
    "towards-server-stripped": ("strip:option=mptcp,on=nonsyn,dir=fwd", False),  # M-MBX-04
    "syn-proxy": ("syn-proxy", False),  # M-MBX-45
    "capable-echoed": ("echo", False),  # M-MBX-46
    "numbers-shifted": ("shift", True),  # M-MBX-19
    "split": ("split:size=500", True),  # M-MBX-21
    "split-first": ("split:size=500,keep=first", True),  # M-MBX-22
    "contiguous": ("contiguous", True),  # M-MBX-31
    "guard": ("guard:act=drop", True),  # M-MBX-32
    "normalise": ("normalise", True),  # M-MBX-33
    "timestamps": ("timestamps:by=3000000000", True),  # M-MBX-36
    "clamp": ("clamp:size=600", True),  # M-MBX-37
    "ecn": ("ecn:mark=clear", True),  # M-MBX-38
    "duplicate": ("duplicate:on=data", True),  # M-MBX-39
    "shuffle": ("shuffle", True),  # M-MBX-48
}


@case(*((f"-{name}-{'client' if we else 'server'}", 4 if we else 6, we, chain, mptcp)
        for name, (chain, mptcp) in ON_ONE_WIRE.items() for we in (True, False)))  # fmt: skip
def middlebox(sides, we_connect, chain, mptcp, size):
    """Every byte arrives, and both ends agree on whether it is still MPTCP."""
    sizes = (size // 10, size // 10)
    options = alone(sides) if we_connect else []
    sides.exchange(we_connect, sizes, [*options, "--middlebox", f"tun1:{chain}"])
    sides.says(sides.peer, "ended mptcp" if mptcp else "ended tcp")
    sides.says(sides.nc, "\nMPTCP " if mptcp else "\nTCP ")
    if mptcp:
        expect_handshake(we_connect)
