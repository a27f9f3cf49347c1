# SPDX-License-Identifier: BSD-3-Clause
"""What a peer of Linux stumbles over at the start of a connection: rows L-EDGE-* of docs/INTEROP.md."""

from sides import expect_handshake
from wire import both_roles


@both_roles
def edge_01_first_data(bed, we_connect, size):
    """The first data of who connects carries MP_CAPABLE."""
    ours, kernels = bed.connect(we_connect, b"hello")
    bed.until(lambda: (kernels if we_connect else ours).received() == b"hello", "it arrives")
    bed.talk(ours, kernels)
    bed.end(ours, kernels)
    expect_handshake(we_connect)
