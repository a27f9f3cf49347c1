/* SPDX-License-Identifier: BSD-3-Clause */
/* umptcp-pkt record: from a capture to the first draft of a script. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/print.h"
#include "tools/pkt.h"
#include "tools/pkt_draft.h"
#include "wire/addr.h"

static const char usage[] =
    "usage: umptcp-pkt record [OPTION]... FILE\n"
    "\n"
    "Writes a first draft of a packet script from a capture (pcap or pcapng; - for standard input).\n"
    "\n"
    "  --stack=ADDR[,ADDR]...  addresses of the stack that is to be under test\n"
    "  --client                the stack under test is the client, which sent the first SYN\n"
    "                          (without both: the side whose packets the capture marks as outgoing; else the server)\n"
    "  --connection=N          the connection with this number (1); all its subflows come along\n"
    "  --list                  list the connections and end\n"
    "  -o FILE                 write to this file\n"
    "  -h, --help              this text\n"
    "\n"
    "Exit status: 0; 1 when there is no draft; 2 for a wrong command line.\n";

enum { ADDRS_MAX = 32 };

struct record {
    const char *file, *output;
    struct umptcp_addr stack[ADDRS_MAX];
    uint32_t nstack;
    uint32_t connection;
    bool client, list, help;
};

/* ---- The command line -------------------------------------------------------------------------------------------- */

static bool parse_addresses(struct record *r, const char *text) {
    for (;; text++) {
        char addr[UMPTCP_ADDRSTRLEN];
        size_t len = strcspn(text, ",");
        if (len >= sizeof addr || r->nstack == ADDRS_MAX)
            return false;
        memcpy(addr, text, len);
        addr[len] = '\0';
        if (umptcp_addr_parse(addr, &r->stack[r->nstack++]))
            return false;
        text += len;
        if (!*text)
            return true;
    }
}

static bool parse_number(const char *text, uint32_t *n) {
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    *n = (uint32_t)v;
    return text[0] >= '0' && text[0] <= '9' && !*end && !errno && v > 0 && v <= UINT32_MAX;
}

/* The value of an option, "--name=value", "--name value" or "-o value"; NULL: `arg` is another option. */
static const char *value_of(const char *name, char **argv, int *i) {
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0)
        return NULL;
    if (argv[*i][len] == '=' && len > 2)
        return argv[*i] + len + 1;
    if (argv[*i][len])
        return len > 2 ? NULL : argv[*i] + len;
    return argv[*i + 1] ? argv[++*i] : NULL;
}

/* One word that starts with a dash. 0, or a status when it complained. */
static int parse_option(struct record *r, char **argv, int *i) {
    const char *word = argv[*i], *value;
    if (strcmp(word, "--client") == 0) {
        r->client = true;
    } else if (strcmp(word, "--list") == 0) {
        r->list = true;
    } else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
        r->help = true;
    } else if ((value = value_of("--stack", argv, i))) {
        if (!parse_addresses(r, value))
            return pkt_complain("record: --stack takes addresses with commas between them, not '%s'", value);
    } else if ((value = value_of("--connection", argv, i))) {
        if (!parse_number(value, &r->connection))
            return pkt_complain("record: --connection takes a number from 1, not '%s'", value);
    } else if ((value = value_of("-o", argv, i))) {
        r->output = value;
    } else {
        return pkt_complain("record: unknown option '%s', or one without its value (try umptcp-pkt record --help)",
                            word);
    }
    return 0;
}

static int parse_words(struct record *r, int argc, char **argv) {
    bool options = true;
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            int status = parse_option(r, argv, &i);
            if (status)
                return status;
        } else if (r->file) {
            return pkt_complain("record: one capture at a time: '%s' is one too many", argv[i]);
        } else {
            r->file = argv[i];
        }
    }
    if (!r->file && !r->help)
        return pkt_complain("record: which capture? (try umptcp-pkt record --help)");
    if (r->client && r->nstack)
        return pkt_complain("record: --client and --stack both say which side is under test");
    return 0;
}

/* ---- The list ---------------------------------------------------------------------------------------------------- */

static void list_end(struct text *t, const struct umptcp_sockaddr *at) {
    char text[UMPTCP_ADDRSTRLEN];
    text_add(t, addr_is_v4(&at->addr) ? "%s:%u" : "[%s]:%u", umptcp_addr_format(&at->addr, text), at->port);
}

static void list_connection(struct text *t, const struct trace *trace, const struct trace_conn *c) {
    const struct capture_packet *packets = trace->capture->packets;
    uint64_t first = packets[trace->packets[c->first].at].ns, last = packets[trace->packets[c->last_packet].at].ns;
    text_add(t, "%u  ", c->number);
    list_end(t, &c->flows->ends.local);
    text_add(t, " > ");
    list_end(t, &c->flows->ends.remote);
    text_add(t, "  %s, %u subflow%s, %u packets, %llu + %llu octets, ",
             c->mptcp[OPENER] && c->mptcp[ACCEPTOR] ? "MPTCP" : "TCP", c->nflows, c->nflows == 1 ? "" : "s", c->packets,
             (unsigned long long)c->octets[OPENER], (unsigned long long)c->octets[ACCEPTOR]);
    print_seconds(t, last > first ? last - first : 0);
    text_add(t, " s%s\n",
             c->lonely_join          ? ", a subflow of a connection that is not in the capture"
             : !c->flows->begins     ? ", without its beginning"
             : !c->flows->has_isn[1] ? ", never answered"
                                     : "");
}

/* ---- The draft --------------------------------------------------------------------------------------------------- */

static bool is_stack(const struct record *r, const struct umptcp_addr *addr) {
    for (uint32_t i = 0; i < r->nstack; i++)
        if (addr_eq(&r->stack[i], addr))
            return true;
    return false;
}

/* Which side is under test, and why. False when --stack leaves it open. */
static bool choose_stack(const struct record *r, const struct trace_conn *c, enum trace_side *stack,
                         const char **guess) {
    bool opener = is_stack(r, &c->flows->ends.local.addr), acceptor = is_stack(r, &c->flows->ends.remote.addr);
    *stack = ACCEPTOR;
    if (r->nstack) {
        *stack = opener ? OPENER : ACCEPTOR;
        *guess = "that is what --stack says";
        return opener != acceptor;
    }
    if (r->client) {
        *stack = OPENER;
        *guess = "it is the client, as --client wants it";
    } else if (!c->outgoing[OPENER] != !c->outgoing[ACCEPTOR]) { /* on a loopback both may be */
        *stack = c->outgoing[OPENER] ? OPENER : ACCEPTOR;
        *guess = "the capture marks its packets as outgoing (--stack chooses another)";
    } else {
        *guess = "it is the server, for want of a hint (--client or --stack chooses the other)";
    }
    return true;
}

static int make_draft(const struct record *r, const struct trace *trace, struct text *t) {
    const struct trace_conn *c = trace_find(trace, r->connection);
    enum trace_side stack;
    const char *guess;
    if (!c) {
        pkt_complain("record: %s: there is no connection %u, the last one is %u (--list shows them)", r->file,
                     r->connection, trace->nconns);
        return STATUS_FAILED;
    }
    if (!c->flows->begins || c->lonely_join) {
        pkt_complain(
            "record: %s: connection %u %s, so its numbers cannot be told (--list shows the others)", r->file, c->number,
            c->lonely_join ? "is a subflow of one that is not in the capture" : "began before the capture did");
        return STATUS_FAILED;
    }
    if (!choose_stack(r, c, &stack, &guess)) {
        pkt_complain("record: --stack names %s end of connection %u",
                     is_stack(r, &c->flows->ends.local.addr) ? "each" : "no", c->number);
        return STATUS_FAILED;
    }
    draft_write(t, trace, c, stack, r->file, guess);
    return 0;
}

static int write_text(const struct record *r, const struct text *t) {
    FILE *f = r->output ? fopen(r->output, "w") : stdout;
    bool ok = f && fwrite(text_of(t), 1, t->len, f) == t->len && fflush(f) == 0;
    int err = errno;
    if (f && r->output)
        (void)fclose(f);
    if (!ok)
        pkt_complain("record: %s: %s", r->output ? r->output : "standard output", strerror(err));
    return ok ? 0 : STATUS_FAILED;
}

static int record(const struct record *r, const struct capture *capture) {
    struct trace trace;
    struct text t = {0};
    int status = 0;
    trace_make(&trace, capture);
    if (capture->cut)
        pkt_complain("record: %s ends within a packet: what is before it counts", r->file);
    if (!trace.nconns) {
        pkt_complain("record: %s: no TCP connection among its %u packets", r->file, capture->number);
        status = STATUS_FAILED;
    } else if (r->list) {
        for (const struct trace_conn *c = trace.conns; c; c = c->next)
            list_connection(&t, &trace, c);
    } else {
        status = make_draft(r, &trace, &t);
    }
    if (!status)
        status = write_text(r, &t);
    text_free(&t);
    trace_free(&trace);
    return status;
}

int pkt_record(int argc, char **argv) {
    struct record r = {.connection = 1};
    struct capture capture;
    char error[256];
    int status = parse_words(&r, argc, argv);
    if (status)
        return status;
    if (r.help) {
        (void)fputs(usage, stdout);
        return 0;
    }
    if (capture_open(&capture, r.file, error, sizeof error)) {
        pkt_complain("record: %s: %s", r.file, error);
        status = STATUS_FAILED;
    } else {
        status = record(&r, &capture);
    }
    capture_free(&capture);
    return status;
}
