/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Middleboxes between a stack and its wire: a driver that wraps another, and in it a chain of elements, each of which
 * does to packets what devices in networks do to them (RFC 8684 section 6; Honda et al., IMC 2011). The same chain
 * serves over memory in virtual time and over a TUN against a kernel.
 *
 *     strip:option=dss,dir=fwd,after=5 | split:size=500,keep=first
 *
 * Elements stand in the order in which outgoing packets meet them, incoming ones the other way round. Each is a name
 * and settings; which there are, middlebox_kind() tells. These settings select the packets that any element acts on:
 *
 *     dir=out|in|fwd|rev   of the wrapped stack's, or of the flow's: fwd is from who sent the SYN (default: both)
 *     on=WORD+WORD...      syn (without ACK), synack, third (first behind the SYNs from the SYN's side, no payload),
 *                          data, ack (nothing else), fin, rst, nonsyn, all (the default but where a kind has another)
 *     flow=first|join      whether its SYN had an MP_JOIN (default: both)
 *     having=OPTION        it carries that TCP option
 *     larger=N             it is longer than N bytes, with all headers
 *     after=N              not the first N of a flow that are so
 *     every=N              only each N-th of those
 *     count=N              only N of those, of each flow
 *
 * An OPTION is mss, wscale, sack-ok, sack, ts, mptcp (any), capable, join, dss, add-addr, remove-addr, prio, fail,
 * fastclose, tcprst, or any (all TCP options).
 *
 * A chain sees packets as a wire does: super-segments are cut, checksums complete. What comes with a wrong checksum is
 * thrown away, or a rewritten packet would be right again; what is no TCP segment passes.
 */
#ifndef UMPTCP_SIM_MIDDLEBOX_H
#define UMPTCP_SIM_MIDDLEBOX_H

#include "io/driver.h"

enum { MIDDLEBOX_ELEMENTS_MAX = 16, MIDDLEBOX_ERROR_MAX = 128, MIDDLEBOX_HELD_MAX = 64 << 20 };

/*
 * Wraps `inner`, which it takes over: closing it closes `inner` too. Everything random comes from `seed`. Sets *d and
 * returns 0; -ENOMEM, or -EINVAL with a sentence in `error` (`inner` stays the caller's then).
 */
int middlebox_wrap(struct driver *inner, const char *chain, uint64_t seed, struct driver **d,
                   char error[MIDDLEBOX_ERROR_MAX]);
/* Checks the text alone: 0, or -EINVAL with a sentence. */
int middlebox_parse(const char *chain, char error[MIDDLEBOX_ERROR_MAX]);
/* How many packets the n-th element (from 0) has changed, dropped or made; 0 behind the last. */
uint64_t middlebox_hits(const struct driver *d, unsigned element);
/* Packets thrown away because a checksum was wrong, or for want of memory. */
uint64_t middlebox_dropped(const struct driver *d);
/*
 * Where `balance` leads flows to instead of `inner`; taken over too. For load balancers: the server behind it has the
 * address that the clients know as well.
 */
void middlebox_set_other(struct driver *d, struct driver *other);

struct middlebox_kind {
    const char *name, *help;
    uint32_t settings, needs; /* its own settings, and those that it cannot do without: bits, by middlebox_setting() */
};
/* The kinds of elements, by 0, 1, ...; false behind the last. */
bool middlebox_kind(unsigned index, struct middlebox_kind *kind);
/* The name of a setting, by 0, 1, ...; NULL behind the last. */
const char *middlebox_setting(unsigned index);

#endif
