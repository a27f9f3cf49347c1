/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP (RFC 792, 1191) and ICMPv6 (RFC 4443) as far as a TCP host needs them. */
#ifndef UMPTCP_WIRE_ICMP_H
#define UMPTCP_WIRE_ICMP_H

#include "base/seq.h"
#include "wire/addr.h"
#include "wire/ip.h"

enum icmp_kind {
    ICMP_ECHO,         /* to be answered with icmp_build_echo_reply() */
    ICMP_TOO_BIG,      /* fragmentation needed / packet too big: mtu (0 from an old router) */
    ICMP_UNREACH_SOFT, /* network or host, time exceeded, parameter problem: reported, never fatal (RFC 1122) */
    ICMP_UNREACH_HARD, /* protocol, port, administratively prohibited */
};

struct icmp_msg {
    enum icmp_kind kind;
    uint32_t mtu;
    uint8_t type, code;
    struct flow flow; /* errors: of the quoted TCP segment, as seen from us */
    struct seq seq;   /* errors: its sequence number */
};

/* `ip` came from ip_parse(). Returns DROP_NONE, DROP_ICMP_BAD, DROP_ICMP_CSUM, or DROP_ICMP_TYPE (also source quench
 * and errors that quote no TCP segment). */
enum drop icmp_parse(const struct ip_hdr *ip, bool csum_valid, struct icmp_msg *msg);
/* The ICMP part of the reply to an echo request; its length is that of the request. */
void icmp_build_echo_reply(struct writer *w, const struct ip_hdr *request);

#endif
