# SPDX-License-Identifier: BSD-3-Clause
"""TCP segments of one connection as values that a test can look at, change and make, with their MPTCP options."""

import ipaddress
import struct
from dataclasses import dataclass, field

FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
MPTCP_KIND, TIMESTAMP_KIND = 30, 8
CAPABLE, JOIN, DSS, ADD_ADDR, REMOVE_ADDR, PRIO, FAIL, FASTCLOSE, TCPRST = range(9)
NAMES = ("MP_CAPABLE", "MP_JOIN", "DSS", "ADD_ADDR", "REMOVE_ADDR", "MP_PRIO", "MP_FAIL", "MP_FASTCLOSE", "MP_TCPRST")
DSS_FIN, DSS_DSN8, DSS_MAP, DSS_ACK8, DSS_ACK = 0x10, 0x08, 0x04, 0x02, 0x01
UNSPECIFIED, MPTCP_ERROR, RESOURCES, PROHIBITED, TOO_MUCH, PERFORMANCE, MIDDLEBOX = range(7)  # reasons of MP_TCPRST


class Mp(bytes):
    """An MPTCP option: its octets from the kind on."""

    @property
    def subtype(self):
        return self[2] >> 4

    @property
    def bits(self):
        """The four beside the subtype."""
        return self[2] & 0x0F

    def __str__(self):
        name = NAMES[self.subtype] if self.subtype < len(NAMES) else f"subtype {self.subtype}"
        return f"{name}({len(self)}) {self[2:].hex()}"

    def changed(self, at, value):
        """A copy with another octet."""
        return Mp(self[:at] + bytes([value]) + self[at + 1 :])


@dataclass
class Dss:
    ack: int = None
    ack_size: int = 0
    dsn: int = None
    dsn_size: int = 0
    ssn: int = None
    length: int = None
    checksum: int = None
    fin: bool = False

    @classmethod
    def parse(cls, option):
        bits, at, d = option[3], 4, cls()
        d.fin = bool(bits & DSS_FIN)
        if bits & DSS_ACK:
            d.ack_size = 8 if bits & DSS_ACK8 else 4
            d.ack, at = int.from_bytes(option[at : at + d.ack_size], "big"), at + d.ack_size
        if bits & DSS_MAP:
            d.dsn_size = 8 if bits & DSS_DSN8 else 4
            d.dsn, at = int.from_bytes(option[at : at + d.dsn_size], "big"), at + d.dsn_size
            d.ssn, d.length = struct.unpack_from("!IH", option, at)
            at += 6
            if at < len(option):
                d.checksum = int.from_bytes(option[at : at + 2], "big")
        return d

    def option(self):
        bits = DSS_FIN * self.fin
        body = b""
        if self.ack is not None:
            bits |= DSS_ACK | DSS_ACK8 * (self.ack_size == 8)
            body += (self.ack & (1 << 8 * self.ack_size) - 1).to_bytes(self.ack_size, "big")
        if self.dsn is not None:
            bits |= DSS_MAP | DSS_DSN8 * (self.dsn_size == 8)
            body += (self.dsn & (1 << 8 * self.dsn_size) - 1).to_bytes(self.dsn_size, "big")
            body += struct.pack("!IH", self.ssn, self.length)
            if self.checksum is not None:
                body += struct.pack("!H", self.checksum)
        return Mp(bytes([MPTCP_KIND, 4 + len(body), DSS << 4, bits]) + body)


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@dataclass
class Segment:
    src: str
    dst: str
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    window: int
    options: list = field(default_factory=list)  # octets of each, without padding
    payload: bytes = b""
    ours: bool = False  # from the engine
    wire: int = 0
    time: float = 0.0
    ecn: int = 0  # bits of the IP header
    urgent: int = 0  # pointer

    @classmethod
    def parse(cls, packet):
        """None when it is not TCP."""
        if packet[0] >> 4 == 4:
            header, protocol = (packet[0] & 15) * 4, packet[9]
            src, dst, end = packet[12:16], packet[16:20], struct.unpack_from("!H", packet, 2)[0]
            ecn = packet[1] & 3
        else:
            header, protocol, end = 40, packet[6], 40 + struct.unpack_from("!H", packet, 4)[0]
            src, dst = packet[8:24], packet[24:40]
            ecn = packet[1] >> 4 & 3
        if protocol != 6:
            return None
        tcp = packet[header:end]
        sport, dport, seq, ack, offset, flags, window = struct.unpack_from("!HHIIBBH", tcp)
        offset = (offset >> 4) * 4
        texts = [str(ipaddress.ip_address(a)) for a in (src, dst)]
        urgent = struct.unpack_from("!H", tcp, 18)[0]
        return cls(*texts, sport, dport, seq, ack, flags, window, list(options(tcp[20:offset])), tcp[offset:],
                   ecn=ecn, urgent=urgent)  # fmt: skip

    def build(self):
        body = b"".join(self.options)
        body += b"\1" * (-len(body) % 4)
        src, dst = (ipaddress.ip_address(a).packed for a in (self.src, self.dst))
        tcp = struct.pack("!HHIIBBHHH", self.sport, self.dport, self.seq, self.ack, (20 + len(body)) // 4 << 4, self.flags,
                          self.window, 0, self.urgent) + body + self.payload  # fmt: skip
        total = ones_sum(src + dst + struct.pack("!II", len(tcp), 6) + tcp)
        tcp = tcp[:16] + struct.pack("!H", 0xFFFF - total) + tcp[18:]
        if len(src) == 16:
            return struct.pack("!IHBB", 6 << 28 | self.ecn << 20, len(tcp), 6, 64) + src + dst + tcp
        ip = struct.pack("!BBHHHBBH", 0x45, self.ecn, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + src + dst
        return ip[:10] + struct.pack("!H", 0xFFFF - ones_sum(ip)) + ip[12:] + tcp

    # What there is

    def has(self, flags):
        return self.flags & flags == flags

    @property
    def mptcp(self):
        return [Mp(o) for o in self.options if o[0] == MPTCP_KIND]

    def mp(self, subtype):
        """The first option of a subtype, or None."""
        return next((o for o in self.mptcp if o.subtype == subtype), None)

    @property
    def dss(self):
        option = self.mp(DSS)
        return Dss.parse(option) if option else None

    @property
    def pure_ack(self):
        return self.flags & (SYN | FIN | RST | ACK) == ACK and not self.payload

    @property
    def reason(self):
        """That of MP_TCPRST, or None."""
        option = self.mp(TCPRST)
        return option[3] if option else None

    @property
    def clock(self):
        """The sender's, in ms: its timestamp."""
        return next(int.from_bytes(o[2:6], "big") for o in self.options if o[0] == TIMESTAMP_KIND)

    def __str__(self):
        flags = "".join(c for bit, c in zip((SYN, FIN, RST, PSH, ACK), "SFRP.") if self.flags & bit)
        who = "ours" if self.ours else "kernel"
        return (
            f"{self.time:8.4f} {who:6} tun{self.wire} {self.sport}>{self.dport} {flags} {self.seq}:{len(self.payload)} ack "
            f"{self.ack} win {self.window} " + ", ".join(map(str, self.mptcp))
        )

    # What can be made of it

    def copy(self, **changes):
        values = {**self.__dict__, "options": list(self.options), **changes}
        return Segment(**values)

    def stamped(self, later):
        """With another timestamp."""
        own = lambda o: o[:2] + struct.pack("!I", (int.from_bytes(o[2:6], "big") + later) % (1 << 32)) + o[6:]  # noqa: E731
        return self.copy(options=[own(o) if o[0] == TIMESTAMP_KIND else o for o in self.options])

    def without(self, *subtypes):
        """Without the MPTCP options of these subtypes, or of all."""
        return self.copy(
            options=[o for o in self.options if o[0] != MPTCP_KIND or (subtypes and Mp(o).subtype not in subtypes)]
        )

    def replaced(self, subtype, option):
        """With another option (None: none) in the place of one of that subtype."""
        mine = lambda o: o[0] == MPTCP_KIND and Mp(o).subtype == subtype  # noqa: E731
        changed = [option if mine(o) else o for o in self.options]
        return self.copy(options=[o for o in changed if o is not None])


def options(octets):
    """Each option, without padding."""
    at = 0
    while at < len(octets) and octets[at] != 0:
        length = 1 if octets[at] == 1 else octets[at + 1]
        if octets[at] != 1:
            yield bytes(octets[at : at + length])
        at += length
