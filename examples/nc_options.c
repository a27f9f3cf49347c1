/* SPDX-License-Identifier: BSD-3-Clause */
#include "nc_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/middlebox.h"

static const char usage[] =
    "usage: nc [OPTION]... --tun IF=ADDR/LEN... ADDR PORT      connect\n"
    "       nc [OPTION]... --tun IF=ADDR/LEN... -l [ADDR] PORT accept one connection\n"
    "\n"
    "Carries standard input and output over Multipath TCP, with a TCP/IP of its own on TUN interfaces.\n"
    "\n"
    "  --tun IF=ADDR/LEN[,ADDR/LEN...][,kernel=ADDR/LEN...][,mtu=N]\n"
    "                    open interface IF and have these addresses on it; give the kernel's end addresses and an MTU\n"
    "  --endpoint ADDR[,subflow][,signal][,backup][,fullmesh][,laminar]\n"
    "                    use this address of ours for more subflows, announce it, only when nothing else works\n"
    "                    (when connecting, without any: all addresses but the first, as subflow)\n"
    "  --limits S,A      at most S subflows beyond the first and A accepted announcements per connection\n"
    "  --no-mptcp        plain TCP\n"
    "  --csum            ask for DSS checksums\n"
    "  --cookies         answer a SYN without state (SYN cookies)\n"
    "  --fault IF:SETTINGS\n"
    "                    make the wire worse, e.g. tun0:rate=20M,delay=10ms,in.loss=1%\n"
    "                    (src/io/fault.h lists the settings)\n"
    "  --middlebox IF:CHAIN\n"
    "                    put middleboxes on the wire, e.g. 'tun0:strip:option=mptcp,on=syn | split:size=500'\n"
    "                    (the manual has all of them)\n"
    "  --pcap FILE       record packets (pcapng)\n"
    "  --spin US         look for packets for so long before sleeping\n"
    "  -l, --listen      wait for a connection\n"
    "  -v, --verbose     say what happens to the paths\n"
    "  -h, --help        this text\n"
    "\n"
    "SIGUSR1 prints statistics of the connection and its subflows; so does the end of it.\n"
    "Exit status: 0 when both directions ended in order, 1 when not, 2 for a wrong command line.\n";

/* The part of *rest before the next comma, ended in place; NULL when there is none. */
static char *next_item(char **rest) {
    char *item = *rest;
    if (!item || !*item)
        return NULL;
    *rest = strchr(item, ',');
    if (*rest)
        *(*rest)++ = '\0';
    return item;
}

static bool parse_number(const char *text, unsigned long max, unsigned long *value) {
    char *end;
    *value = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && *value <= max;
}

static bool parse_prefix(char *text, struct prefix *p) {
    char *slash = strchr(text, '/');
    unsigned long len;
    if (!slash)
        return false;
    *slash = '\0';
    if (umptcp_addr_parse(text, &p->addr) || !parse_number(slash + 1, umptcp_addr_is_v4(&p->addr) ? 32 : 128, &len))
        return false;
    p->len = (uint8_t)len;
    return true;
}

/* The interface `name`, which becomes known by being asked for; NULL when there are too many. */
static struct tun_options *tun_of(struct options *o, const char *name) {
    for (int i = 0; i < o->ntuns; i++)
        if (strcmp(o->tuns[i].name, name) == 0)
            return &o->tuns[i];
    if (o->ntuns == TUNS_MAX || strlen(name) >= sizeof o->tuns[0].name)
        return NULL;
    struct tun_options *t = &o->tuns[o->ntuns++];
    snprintf(t->name, sizeof t->name, "%s", name);
    return t;
}

static bool parse_tun(struct options *o, char *text) {
    char *rest = strchr(text, '=');
    if (!rest)
        return false;
    *rest++ = '\0';
    struct tun_options *t = tun_of(o, text);
    for (char *item; t && (item = next_item(&rest));) {
        unsigned long mtu;
        if (strncmp(item, "mtu=", 4) == 0) {
            if (!parse_number(item + 4, 65535, &mtu))
                return false;
            t->mtu = (uint32_t)mtu;
        } else if (strncmp(item, "kernel=", 7) == 0) {
            if (t->nkernels == ADDRS_MAX || !parse_prefix(item + 7, &t->kernels[t->nkernels++]))
                return false;
        } else if (t->nours == ADDRS_MAX || !parse_prefix(item, &t->ours[t->nours++])) {
            return false;
        }
    }
    return t;
}

static bool parse_endpoint(struct options *o, char *text) {
    char *item = next_item(&text);
    if (!item || o->nendpoints == UMPTCP_ENDPOINTS_MAX)
        return false;
    struct umptcp_endpoint *ep = &o->endpoints[o->nendpoints++];
    if (umptcp_addr_parse(item, &ep->addr.addr))
        return false;
    while ((item = next_item(&text))) {
        if (strcmp(item, "subflow") == 0)
            ep->flags |= UMPTCP_EP_SUBFLOW;
        else if (strcmp(item, "signal") == 0)
            ep->flags |= UMPTCP_EP_SIGNAL;
        else if (strcmp(item, "backup") == 0)
            ep->flags |= UMPTCP_EP_BACKUP;
        else if (strcmp(item, "fullmesh") == 0)
            ep->flags |= UMPTCP_EP_FULLMESH;
        else if (strcmp(item, "laminar") == 0)
            ep->flags |= UMPTCP_EP_LAMINAR;
        else
            return false;
    }
    return true;
}

static bool parse_limits(struct options *o, char *text) {
    char *subflows = next_item(&text), *add_addrs = next_item(&text);
    unsigned long s, a;
    if (!add_addrs || text || !parse_number(subflows, UMPTCP_SUBFLOWS_MAX, &s) ||
        !parse_number(add_addrs, UMPTCP_SUBFLOWS_MAX, &a))
        return false;
    o->has_limits = true;
    o->subflows = (uint8_t)s;
    o->add_addrs = (uint8_t)a;
    return true;
}

static bool parse_fault(struct options *o, char *text) {
    char *settings = strchr(text, ':');
    if (!settings)
        return false;
    *settings++ = '\0';
    struct tun_options *t = tun_of(o, text);
    if (!t || fault_parse(settings, t->fault))
        return false;
    t->has_fault = true;
    return true;
}

static bool parse_middlebox(struct options *o, char *text) {
    char error[MIDDLEBOX_ERROR_MAX], *chain = strchr(text, ':');
    if (!chain)
        return false;
    *chain++ = '\0';
    struct tun_options *t = tun_of(o, text);
    if (!t || middlebox_parse(chain, error))
        return false;
    t->middlebox = chain;
    return true;
}

/* [ADDR] PORT; without an address any of ours, to listen on. */
static bool parse_address(struct options *o, int argc, char **argv) {
    unsigned long port;
    if (argc < (o->listen ? 1 : 2) || argc > 2 || !parse_number(argv[argc - 1], 65535, &port) || port == 0)
        return false;
    o->addr.port = (uint16_t)port;
    return argc == 1 || umptcp_addr_parse(argv[0], &o->addr.addr) == 0;
}

/* One option with an argument. */
static bool parse_option(struct options *o, int option, char *text) {
    unsigned long us;
    switch (option) {
    case 't':
        return parse_tun(o, text);
    case 'e':
        return parse_endpoint(o, text);
    case 'L':
        return parse_limits(o, text);
    case 'f':
        return parse_fault(o, text);
    case 'm':
        return parse_middlebox(o, text);
    case 'p':
        o->pcap = text;
        return true;
    case 's':
        if (!parse_number(text, 1000000, &us))
            return false;
        o->spin = us * 1000;
        return true;
    default:
        return false;
    }
}

/* What the options say together. Returns what is wrong, or NULL. */
static const char *check(struct options *o) {
    if (o->ntuns == 0)
        return "at least one --tun is needed";
    for (int i = 0; i < o->ntuns; i++)
        if (o->tuns[i].nours == 0)
            return "--fault or --middlebox names an interface that no --tun gives an address";
    if (o->nendpoints || o->listen || o->no_mptcp)
        return NULL;
    for (int i = 0; i < o->ntuns; i++)
        for (int j = i == 0; j < o->tuns[i].nours && o->nendpoints < UMPTCP_ENDPOINTS_MAX; j++)
            o->endpoints[o->nendpoints++] =
                (struct umptcp_endpoint){.flags = UMPTCP_EP_SUBFLOW, .addr.addr = o->tuns[i].ours[j].addr};
    return NULL;
}

bool options_parse(struct options *o, int argc, char **argv, int *status) {
    static const struct option names[] = {
        {"tun", required_argument, NULL, 't'},
        {"endpoint", required_argument, NULL, 'e'},
        {"limits", required_argument, NULL, 'L'},
        {"fault", required_argument, NULL, 'f'},
        {"middlebox", required_argument, NULL, 'm'},
        {"pcap", required_argument, NULL, 'p'},
        {"spin", required_argument, NULL, 's'},
        {"no-mptcp", no_argument, NULL, 'n'},
        {"csum", no_argument, NULL, 'c'},
        {"cookies", no_argument, NULL, 'k'},
        {"listen", no_argument, NULL, 'l'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    memset(o, 0, sizeof *o);
    *status = 2;
    for (int c, i = 0; (c = getopt_long(argc, argv, "lvh", names, &i)) != -1;) {
        if (c == 'h') {
            printf("%s", usage);
            *status = 0;
            return false;
        }
        if (c == '?') {
            fprintf(stderr, "nc: see --help\n");
            return false;
        }
        o->no_mptcp |= c == 'n';
        o->checksum |= c == 'c';
        o->cookies |= c == 'k';
        o->listen |= c == 'l';
        o->verbose |= c == 'v';
        if (optarg && !parse_option(o, c, optarg)) {
            fprintf(stderr, "nc: --%s: cannot be read; see --help\n", names[i].name);
            return false;
        }
    }
    const char *wrong = check(o);
    if (!wrong && !parse_address(o, argc - optind, argv + optind))
        wrong = "an address (numeric) and a port are needed";
    if (wrong)
        fprintf(stderr, "nc: %s; see --help\n", wrong);
    return !wrong;
}
