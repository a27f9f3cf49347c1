/* SPDX-License-Identifier: BSD-3-Clause */
/* Everything that is thrown away has a name. Declared once; the counters UmptcpDrop<Name> come from the same list. */
#ifndef UMPTCP_BASE_DROP_H
#define UMPTCP_BASE_DROP_H

/* X(ENUM, Name, what it means) */
#define DROP_LIST(X)                                                                                                   \
    X(NETIF, NoNetif, "came on an interface that does not exist or is down")                                           \
    X(IP_SHORT, IpShort, "shorter than its IP header or than the header's length field says")                          \
    X(IP_VERSION, IpVersion, "neither IPv4 nor IPv6")                                                                  \
    X(IP_HEADER, IpHeader, "bad IPv4 header length or IPv6 extension header chain")                                    \
    X(IP_CSUM, IpCsum, "IPv4 header checksum")                                                                         \
    X(IP_SOURCE, IpSource, "source address cannot be one (multicast, broadcast, unspecified, our own, mapped)")        \
    X(IP_NOT_OURS, IpNotOurs, "destination is not an address of ours")                                                 \
    X(IP_FRAG_BAD, IpFragBad, "overlapping, misaligned or oversized fragment")                                         \
    X(IP_FRAG_MEM, IpFragMem, "reassembly is full")                                                                    \
    X(IP_FRAG_TIMEOUT, IpFragTimeout, "the rest of a fragmented packet never came")                                    \
    X(IP_FRAG_V6, IpFragV6, "IPv6 fragments are not reassembled")                                                      \
    X(IP_PROTO, IpProto, "neither TCP nor ICMP")                                                                       \
    X(ICMP_BAD, IcmpBad, "ICMP too short")                                                                             \
    X(ICMP_CSUM, IcmpCsum, "ICMP checksum")                                                                            \
    X(ICMP_TYPE, IcmpType, "ICMP type that means nothing to a host")                                                   \
    X(ICMP_NO_SOCKET, IcmpNoSocket, "ICMP error about no connection of ours, or outside what we sent")                 \
    X(ICMP_RATE, IcmpRate, "more echo requests than are answered")                                                     \
    X(TCP_SHORT, TcpShort, "shorter than its TCP header")                                                              \
    X(TCP_CSUM, TcpCsum, "TCP checksum")                                                                               \
    X(TCP_NO_SOCKET, TcpNoSocket, "no connection and no listener (answered with RST)")                                 \
    X(TCP_LISTEN_FLAGS, TcpListenFlags, "a listener can do nothing with these flags")                                  \
    X(TCP_DEFERRED, TcpDeferred, "listener waits for data")                                                            \
    X(TCP_BACKLOG, TcpBacklog, "listener's backlog is full")                                                           \
    X(TCP_PAWS, TcpPaws, "timestamp is older than the last one (RFC 7323 5)")                                          \
    X(TCP_ECHO, TcpEcho, "echoes a timestamp that we did not send")                                                    \
    X(TCP_NO_TS, TcpNoTimestamp, "timestamp missing although negotiated (RFC 7323 3.2)")                               \
    X(TCP_OLD_SEQ, TcpOldSeq, "wholly before the receive window")                                                      \
    X(TCP_SEQ, TcpSeq, "beyond the receive window")                                                                    \
    X(TCP_OLD_ACK, TcpOldAck, "acknowledges far before what we sent (RFC 5961 5.2)")                                   \
    X(TCP_ACK_UNSENT, TcpAckUnsent, "acknowledges what was not sent")                                                  \
    X(TCP_NO_ACK, TcpNoAck, "no ACK flag in a synchronized state")                                                     \
    X(TCP_RST, TcpRst, "RST that is not exactly in order (RFC 5961 3.2)")                                              \
    X(TCP_SYN, TcpSyn, "SYN in a synchronized state (RFC 5961 4.2)")                                                   \
    X(TCP_FLAGS, TcpFlags, "flags that mean nothing in this state")                                                    \
    X(TCP_AFTER_FIN, TcpAfterFin, "data after the peer's FIN")                                                         \
    X(TCP_RECV_CLOSED, TcpRecvClosed, "data for a connection that nobody reads any more")                              \
    X(TCP_OFO_FULL, TcpOfoFull, "too many holes in what was received")                                                 \
    X(TCP_TIME_WAIT, TcpTimeWait, "old segment in TIME-WAIT")                                                          \
    X(NO_MEMORY, NoMemory, "no memory for it")                                                                         \
    X(MP_OPTION, MpOption, "malformed MPTCP option (the segment is used without it)")                                  \
    X(MP_TOKEN, MpToken, "MP_JOIN with an unknown token")                                                              \
    X(MP_JOIN_REFUSED, MpJoinRefused, "MP_JOIN refused: limit, policy or state of the connection")                     \
    X(MP_JOIN_OPTION, MpJoinOption, "MP_JOIN option missing or of the wrong form in a join handshake")                 \
    X(MP_JOIN_HMAC, MpJoinHmac, "MP_JOIN with a wrong HMAC")                                                           \
    X(MP_NOT_ESTABLISHED, MpNotEstablished, "data on a subflow whose join was not confirmed")                          \
    X(MP_UNMAPPED, MpUnmapped, "data that no mapping ever covered")                                                    \
    X(MP_MAP_BAD, MpMapBad, "mapping that contradicts an earlier one, or lies outside every window")                   \
    X(MP_MAP_FULL, MpMapFull, "too many mappings wait for their data")                                                 \
    X(MP_DSN_WINDOW, MpDsnWindow, "data sequence number beyond the receive window (RFC 8684 3.3.4)")                   \
    X(MP_DSN_OLD, MpDsnOld, "data that came before on another subflow")                                                \
    X(MP_CSUM, MpCsum, "DSS checksum")                                                                                 \
    X(MP_HMAC, MpAddrHmac, "ADD_ADDR with a wrong HMAC")                                                               \
    X(MP_ADDR, MpAddr, "ADD_ADDR or REMOVE_ADDR with an address or id that cannot be")                                 \
    X(MP_FASTCLOSE_KEY, MpFastcloseKey, "MP_FASTCLOSE with a wrong key")

enum drop {
    DROP_NONE = 0,
#define X(e, n, t) DROP_##e,
    DROP_LIST(X)
#undef X
        DROP_COUNT
};

const char *drop_name(enum drop d);    /* "IpShort" */
const char *drop_meaning(enum drop d); /* a clause */

#endif
