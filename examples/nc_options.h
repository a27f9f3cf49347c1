/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of examples/nc.c. */
#ifndef NC_OPTIONS_H
#define NC_OPTIONS_H

#include "io/fault.h"
#include "umptcp.h"

enum { TUNS_MAX = 8, ADDRS_MAX = 8 };

struct prefix {
    struct umptcp_addr addr;
    uint8_t len;
};

struct tun_options {
    char name[16];
    struct prefix ours[ADDRS_MAX], kernels[ADDRS_MAX];
    int nours, nkernels;
    uint32_t mtu; /* 0: as it is */
    bool has_fault;
    struct fault_link fault[FAULT_DIRS];
    const char *middlebox; /* NULL: none */
};

struct options {
    bool listen, no_mptcp, checksum, cookies, verbose;
    struct umptcp_sockaddr addr; /* to connect to, or to listen on */
    struct tun_options tuns[TUNS_MAX];
    int ntuns;
    struct umptcp_endpoint endpoints[UMPTCP_ENDPOINTS_MAX];
    int nendpoints;
    bool has_limits;
    uint8_t subflows, add_addrs;
    uint64_t spin; /* ns */
    const char *pcap;
};

/* Reads the command line; says on standard error what is wrong with it, and prints --help. Returns true to go on, or
 * false and the status to exit with. */
bool options_parse(struct options *o, int argc, char **argv, int *status);

#endif
