/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet script as values: what the parser makes of the text, what the runner plays, and what print.h turns into text
 * again.
 *
 * A struct packet speaks in the numbers of scripts: sequence numbers relative to a connection's first ones, data
 * sequence numbers that start at 1, keys and addresses by name. Two translations lead out of it and back (flow.h):
 * lower() makes the bytes of an inbound packet, lift() reads the bytes of an outbound one. So what is expected and what
 * came are the same type, are compared field by field, and are printed by the same printer.
 *
 * Everything here lives in the arena of its script.
 */
#ifndef UMPTCP_SCRIPT_SCRIPT_H
#define UMPTCP_SCRIPT_SCRIPT_H

#include "base/clock.h"
#include "script/arena.h"
#include "wire/mpopt.h"
#include "wire/segment.h"

/* Where something stands in the source, both from 1; line 0: nowhere. */
struct place {
    uint32_t line, column;
};

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

enum { PACKET_OPTIONS_MAX = 40, ENCAPS_MAX = 6 };

/* Parts of a packet that a line may leave open. */
enum ip_given { GIVEN_ECN = 1, GIVEN_ECT01 = 2, GIVEN_TOS = 4, GIVEN_TTL = 8, GIVEN_FLOW_LABEL = 16 };

struct ip_line {
    uint8_t given; /* enum ip_given */
    uint8_t tos;   /* all of the octet with GIVEN_TOS, its ECN bits with GIVEN_ECN */
    uint8_t ttl;
    uint32_t flow_label;
};

enum encap_kind { ENCAP_IPV4, ENCAP_IPV6, ENCAP_GRE, ENCAP_MPLS, ENCAP_PSP };

/* A header around the packet. Such lines are parsed and printed; no target runs them. */
struct encap {
    struct encap *next;
    struct place place;
    enum encap_kind kind;
    const char *text; /* as it stood in the script */
};

/* One side of the packet. */
enum end_kind { END_ANY, END_PORT, END_ADDR, END_NAME };

struct end {
    enum end_kind kind;
    struct place place;
    struct umptcp_sockaddr addr; /* END_PORT: only its port */
    const char *name;            /* END_NAME: addr[name] */
};

/*
 * A value of an MPTCP option that may be written as a number, be computed, or stand for anything.
 *
 *                 in a script             after lift() and resolve() (flow.h)
 *   VALUE_ANY     left out                left out: not compared
 *   VALUE_AUTO    auto                    -
 *   VALUE_NUMBER  N                       the number as scripts count it
 *   VALUE_NAME    V or V=N or V+N         -
 *   VALUE_IDSN    trunc_r64_hmac(V) + N   -
 *   VALUE_HASH    sha256_32(V), sha1_32(V), trunc_r64_hmac_sha256(N), ...: `function` says which
 *   VALUE_HMAC    trunc_l64_hmac(V V), full_160_hmac(V V), trunc_l64_hmac(N)
 */
enum value_kind { VALUE_ANY, VALUE_AUTO, VALUE_NUMBER, VALUE_NAME, VALUE_IDSN, VALUE_HASH, VALUE_HMAC };

struct value {
    enum value_kind kind;
    struct place place;
    const char *function; /* HASH, HMAC: its name */
    const char *name;     /* of a key variable; of a NUMBER in a packet that came: how to print it */
    const char *name2;    /* HMAC: of the second one */
    bool assigned;        /* V=N */
    uint64_t n;           /* NUMBER, V=N, V+N, IDSN + N, function of a number */
};

static inline bool value_given(const struct value *v) { return v->kind != VALUE_ANY; }
static inline struct value value_number(uint64_t n) { return (struct value){.kind = VALUE_NUMBER, .n = n}; }

/* The address of ADD_ADDR: addr[name], addr[name=inet_addr("..")]. */
struct addr_line {
    const char *name; /* NULL in a packet that came and whose address has no name */
    bool literal;     /* `addr` is known */
    struct umptcp_addr addr;
};

/* An MPTCP option as written. `type` chooses the member, as in struct mpopt. */
struct mp_line {
    enum mp_type type;
    union {
        struct { /* MPC_* : the type follows from the number of keys and the length */
            uint8_t version, flags;
            uint8_t nkeys;
            struct value key[2];
            uint16_t len;
            struct value csum; /* MPC_DATA with 24 octets; VALUE_AUTO: computed. VALUE_ANY: no checksum */
        } mpc;
        struct {
            bool backup;
            struct value addr_id;
            struct value token;     /* MPJ_SYN */
            struct value nonce;     /* MPJ_SYN, MPJ_SYNACK: a number or left out */
            struct value hmac;      /* MPJ_SYNACK, MPJ_ACK */
            uint8_t hmac_bytes[20]; /* after lift() and resolve(), 8 or 20 of them; VALUE_NUMBER stands for them */
        } mpj;
        struct {
            bool has_ack, ack64, has_map, dsn64, fin;
            bool nocs; /* written, or a number cksum=0: no checksum in the option */
            struct value ack, dsn;
            struct value ssn, dll; /* a number or left out */
            struct value csum;     /* VALUE_ANY without `nocs`: computed when inbound, not compared when outbound */
        } dss;
        struct {
            bool echo;
            struct value addr_id; /* a number, auto, or left out */
            struct addr_line addr;
            struct value port; /* a number or left out */
            struct value hmac; /* a number or auto; left out with echo */
        } add_addr;
        struct {
            uint8_t n, ids[MP_REMOVE_IDS_MAX];
        } remove;
        struct {
            bool backup;
            struct value addr_id; /* of the long form, which is not in RFC 8684 */
        } prio;
        struct {
            struct value dsn;
        } fail;
        struct {
            struct value key;
        } fastclose;
        struct {
            uint8_t reason, flags;
        } rst;
    };
};

enum option_kind {
    OPTION_EOL,
    OPTION_NOP,
    OPTION_MSS,
    OPTION_WSCALE,
    OPTION_SACK_OK,
    OPTION_SACK,
    OPTION_TS,
    OPTION_MD5,
    OPTION_FO,      /* kind 34 */
    OPTION_FOEXP,   /* kind 254, magic F989 */
    OPTION_ACC_ECN, /* kinds 172 and 174 */
    OPTION_MPTCP,
    OPTION_RAW, /* all octets as written: `raw HEX`, kind and length included */
};

struct option {
    struct option *next;
    struct place place;
    enum option_kind kind;
    union {
        uint32_t n; /* MSS, WSCALE */
        struct {
            uint8_t n;
            struct {
                uint32_t left, right;
            } block[SACK_MAX];
        } sack;
        struct {
            uint32_t val, ecr;
        } ts;
        struct { /* MD5, FO, FOEXP: the value; RAW: everything */
            uint8_t len, octets[PACKET_OPTIONS_MAX];
        } bytes;
        struct {
            uint8_t order; /* 0: e0b ceb e1b, kind 172; 1: e1b ceb e0b, kind 174 */
            uint8_t n;
            uint32_t counter[3]; /* 24 bits each */
        } ecn;
        struct mp_line mp;
    };
};

struct tcp_line {
    uint8_t flags; /* enum tcp_flag; with `has_ace` ECE and CWR are those of `ace` */
    bool ae;       /* the flag of AccECN */
    bool has_ace;  /* the three bits are written, and compared, as one number */
    uint8_t ace;   /* AE CWR ECE */
    uint32_t seq;  /* script's numbers */
    uint32_t len;  /* payload */
    bool has_ack;  /* a number is given; the ACK flag is in `flags` */
    uint32_t ack;
    bool has_win;
    uint16_t win; /* as in the header */
    uint16_t urg;
    bool any_options; /* <...> */
    struct option *options;
};

enum quote_kind { QUOTE_TCP, QUOTE_UDP, QUOTE_RAW };

struct icmp_line {
    uint8_t type, code;
    const char *type_text, *code_text; /* as written; NULL: from the numbers */
    bool has_mtu, has_id;
    uint32_t mtu, id;
    enum quote_kind quote;
    uint32_t quote_seq; /* QUOTE_TCP */
    uint32_t quote_len; /* payload of QUOTE_TCP and QUOTE_UDP; all octets with QUOTE_RAW */
};

enum packet_proto { PACKET_TCP, PACKET_UDP, PACKET_ICMP };

struct packet {
    struct place place;
    bool inbound; /* `<`: to the stack */
    bool v6;      /* of the addresses on the wire */
    struct ip_line ip;
    struct encap *encaps;
    bool has_ends;
    struct end src, dst;
    enum packet_proto proto;
    union {
        struct tcp_line tcp;
        struct {
            uint32_t len;
        } udp;
        struct icmp_line icmp;
    };
};

/* ---- System calls ------------------------------------------------------------------------------------------------ */

enum expr_kind {
    EXPR_INT,      /* a number; `text` is the symbol that it came from, if any */
    EXPR_STRING,   /* text, len */
    EXPR_ELLIPSIS, /* ... */
    EXPR_OR,       /* items, evaluated: n is the value; each is EXPR_INT */
    EXPR_LIST,     /* [ items ] */
    EXPR_STRUCT,   /* { items }: EXPR_FIELD or anything else */
    EXPR_FIELD,    /* text = items; `msg_iov(2)=` keeps the number in n, and `len` is an enum expr_field */
    EXPR_ADDR4,    /* inet_addr(".."): n as the C function returns it */
    EXPR_ADDR6,    /* inet6_addr("..") */
    EXPR_PORT,     /* htons(N): n as in the script */
};

/* What stands in parentheses behind the name of a field. */
enum expr_field { FIELD_PLAIN, FIELD_NUMBER, FIELD_ELLIPSIS };

struct expr {
    struct expr *next; /* of its list */
    struct place place;
    enum expr_kind kind;
    int64_t n;
    const char *text;
    uint32_t len;
    struct umptcp_addr addr;
    struct expr *items;
};

struct call {
    struct place place;
    const char *name;
    struct expr *args;
    uint32_t nargs;
    int64_t result;
    const char *errno_name; /* NULL: errno is not compared */
    int errno_value;
    bool blocking;
    dur end_from; /* blocking: when it returns, on the scale of the event's time */
};

/* ---- Events ------------------------------------------------------------------------------------------------------ */

enum when_kind {
    WHEN_AT,           /* T: since the start */
    WHEN_AFTER,        /* +T: after the event before */
    WHEN_WITHIN,       /* T1~T2 */
    WHEN_AFTER_WITHIN, /* +T1~+T2 */
    WHEN_ANY,          /* * */
};

struct when {
    enum when_kind kind;
    dur from, to; /* equal but for the windows */
};

enum event_kind { EVENT_PACKET, EVENT_CALL, EVENT_COMMAND, EVENT_CODE };

struct event {
    struct event *next;
    struct place place;
    struct when when;
    enum event_kind kind;
    union {
        struct packet *packet;
        struct call *call;
        const char *command; /* for the shell */
        const char *code;    /* Python; `place` is that of its first line */
    };
};

/* ---- The script -------------------------------------------------------------------------------------------------- */

struct script {
    struct arena arena;
    const char *path;           /* for messages */
    const char *source;         /* NUL-terminated */
    const char *init, *cleanup; /* commands, or NULL */
    struct place init_place, cleanup_place;
    struct event *events;
    uint32_t nevents;
};

/* What is wrong, and where. The message is one sentence without the path; `place.line` 0 when it is about no line. */
struct script_error {
    struct place place;
    char text[512];
};

__attribute__((format(printf, 3, 4))) void script_error_set(struct script_error *e, struct place place,
                                                            const char *format, ...);

#endif
