/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of the printer share.
 *
 *   print.c         text, times, events
 *   print_packet.c  packet lines
 *   print_option.c  TCP options
 *   print_mptcp.c   MPTCP options
 *   print_call.c    system calls
 */
#ifndef UMPTCP_SCRIPT_PRINT_INTERNAL_H
#define UMPTCP_SCRIPT_PRINT_INTERNAL_H

#include "script/print.h"

/* Hexadecimal digits, two for each octet. */
void print_octets(struct text *t, const uint8_t *octets, size_t len);
/* inet_addr("192.0.2.1"), inet6_addr("2001:db8::1") */
void print_address(struct text *t, const struct umptcp_addr *addr);

#endif
