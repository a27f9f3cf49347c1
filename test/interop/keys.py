# SPDX-License-Identifier: BSD-3-Clause
"""What follows from the keys of a connection (RFC 8684 3.1, 3.2, 3.4.1, 3.3.1), computed by other code than the engine's."""

import hashlib
import hmac
import ipaddress
import struct

from packets import ADD_ADDR, MPTCP_KIND, Mp, ones_sum


def token(key):
    return hashlib.sha256(key).digest()[:4]


def idsn(key):
    return int.from_bytes(hashlib.sha256(key).digest()[-8:], "big")


def join_hmac(sender, receiver, nonce_sender, nonce_receiver):
    """All 20 octets of the third ACK; the SYN/ACK has the first 8."""
    return hmac.digest(sender + receiver, nonce_sender + nonce_receiver, "sha256")[:20]


def announcement_hmac(sender, receiver, id_, address, port=0):
    message = bytes([id_]) + ipaddress.ip_address(address).packed + struct.pack("!H", port)
    return hmac.digest(sender + receiver, message, "sha256")[-8:]


def announcement(sender, receiver, id_, address, port=0):
    """ADD_ADDR as it would come from who has the key `sender`."""
    body = bytes([ADD_ADDR << 4, id_]) + ipaddress.ip_address(address).packed
    body += struct.pack("!H", port) if port else b""
    body += announcement_hmac(sender, receiver, id_, address, port)
    return Mp(bytes([MPTCP_KIND, 2 + len(body)]) + body)


def mapping_checksum(dsn, ssn, length, payload):
    return 0xFFFF - ones_sum(struct.pack("!QIHH", dsn, ssn, length, 0) + payload)
