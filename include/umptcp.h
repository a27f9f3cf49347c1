/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * umptcp: Multipath TCP v1 (RFC 8684) in user space. This header is the whole embedding contract.
 *
 * A stack is a value that eats packets and time and produces packets and events. It has no clock, no descriptor, no
 * thread and no global: the caller owns the loop.
 *
 *     for (;;) {
 *         while (a packet came)             umptcp_input(s, netif, &pkt, now);
 *         umptcp_tick(s, now);
 *         while (umptcp_event(s, &ev))      react: accept, send, receive, close;
 *         while (umptcp_output(s, &out, now)) write out.slices to interface out.netif;
 *         sleep until umptcp_next(s) or a packet comes;
 *     }
 *
 * Contract
 * - One thread per stack at a time. Stacks share nothing; give each thread its own.
 * - Nothing calls back into the caller, but the allocator of the configuration.
 * - Every call that can fail returns 0 or a count, or a negative errno value; each says which.
 * - Time is the caller's monotonic clock in nanoseconds; it must not go backwards (an older time is read as the newest
 *   one seen) and must not be zero.
 * - Pointers that a call hands out are valid until the next call into the same stack.
 * - A handle (umptcp_sock) that was closed stays harmless: calls with it return -EBADF.
 */
#ifndef UMPTCP_H
#define UMPTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define UMPTCP_API __attribute__((visibility("default")))
#else
#define UMPTCP_API
#endif

#define UMPTCP_VERSION "0.1.0"

/* ---- Values ------------------------------------------------------------------------------------------------------ */

struct umptcp; /* one stack */

/* A connection or a listener. The zero value is no socket. */
typedef struct {
    uint64_t v;
} umptcp_sock;

/* A point of the caller's monotonic clock. */
struct umptcp_time {
    uint64_t ns;
};
#define UMPTCP_NEVER ((struct umptcp_time){UINT64_MAX})

/* An IPv6 address, or an IPv4 address in its v4-mapped form ::ffff:a.b.c.d: one type serves both families. */
struct umptcp_addr {
    uint8_t b[16];
};

struct umptcp_sockaddr {
    struct umptcp_addr addr;
    uint16_t port; /* host byte order */
};

/* Room for the longest textual address and its NUL. */
#define UMPTCP_ADDRSTRLEN 46

/* Reads "192.0.2.1" or "2001:db8::1". Returns 0, or -EINVAL when it is neither. */
UMPTCP_API int umptcp_addr_parse(const char *text, struct umptcp_addr *addr);
/* Writes the canonical text (RFC 5952) and returns `text`. */
UMPTCP_API const char *umptcp_addr_format(const struct umptcp_addr *addr, char text[UMPTCP_ADDRSTRLEN]);
UMPTCP_API bool umptcp_addr_is_v4(const struct umptcp_addr *addr);

/* ---- Stack ------------------------------------------------------------------------------------------------------- */

/*
 * Allocator of a stack: like realloc(), with the old size told. `size` 0 frees. Returns NULL when there is no memory;
 * the stack goes on without it and counts what it had to refuse.
 */
typedef void *(*umptcp_alloc_fn)(void *ctx, void *ptr, size_t old_size, size_t size);

enum umptcp_fastopen { /* RFC 7413; bits of Linux's net.ipv4.tcp_fastopen */
                       UMPTCP_FASTOPEN_CLIENT = 0x1,
                       UMPTCP_FASTOPEN_SERVER = 0x2,             /* on listeners that ask for it */
                       UMPTCP_FASTOPEN_CLIENT_NO_COOKIE = 0x4,   /* data goes on every SYN, without a cookie */
                       UMPTCP_FASTOPEN_SERVER_NO_COOKIE = 0x200, /* data of every SYN is taken */
                       UMPTCP_FASTOPEN_LISTENERS = 0x400,        /* on all listeners; with SERVER */
};
enum { UMPTCP_FASTOPEN_KEYS = 2, UMPTCP_FASTOPEN_KEY_LEN = 16 };

/* Names are those of Linux's sysctls where there is one. Times are in nanoseconds, sizes in bytes. */
struct umptcp_config {
    uint8_t seed[32];      /* entropy for keys, nonces, initial sequence numbers, ports: fill it from getrandom() */
    umptcp_alloc_fn alloc; /* NULL: the C library's */
    void *alloc_ctx;
    size_t mem_limit; /* memory budget of the whole stack; 0: no limit */

    /* net.ipv4.tcp_* */
    const char *congestion_control;  /* "cubic", "newreno" or "bbr", for each subflow by itself; or one that couples
                                        them: "lia", "olia", "balia", "wvegas" */
    uint32_t rmem_default, rmem_max; /* receive buffer: first size, and bound of the auto-tuning */
    uint32_t wmem_default, wmem_max; /* send buffer: the same */
    uint8_t syn_retries;             /* SYNs sent again before connect() fails with -ETIMEDOUT */
    uint8_t synack_retries;
    uint8_t syncookies; /* SYN/ACKs without state (RFC 4987 3.6): 0 never, 1 when a listener's handshakes are as many
                           as its backlog, 2 always */
    uint32_t max_syn_backlog; /* handshakes of a listener may be three quarters of this, when there are no cookies */
    bool abort_on_overflow;   /* a third ACK for which the backlog has no room is answered by a RST, not passed over */
    uint8_t retries1;    /* retransmissions before the path is doubted (R1 of RFC 9293 3.8.3): what was known of it is
                            forgotten, and full segments may be what it swallows */
    uint8_t retries2;    /* retransmissions before a connection without another path is given up */
    uint8_t mtu_probing; /* packetization layer path MTU discovery (RFC 4821): 0 never, 1 when a path seems to
                            swallow full segments, 2 always */
    uint16_t base_mss;   /* payload that it begins with */
    uint16_t mtu_probe_floor;     /* and the least that it goes back to */
    uint16_t min_snd_mss;         /* no path or peer makes segments smaller than that; 48 at least */
    uint64_t mtu_probe_interval;  /* how long what was found counts before more is tried; so does what ICMP said */
    uint32_t mtu_probe_threshold; /* the search ends when it would find less than that */
    uint64_t rto_min, rto_max;    /* RFC 6298 2.4 says 1 s for the minimum; Linux and we use 200 ms */
    uint64_t delack;              /* longest delay of an acknowledgment */
    uint64_t time_wait;           /* duration of TIME-WAIT, also of an orphan's FIN-WAIT-2 */
    bool tw_reuse;                /* an active open may take over a tuple that is in TIME-WAIT, a second after its last
                                     segment, when there were timestamps (RFC 6191); ports that are free come first */
    uint32_t max_tw_buckets;      /* subflows in TIME-WAIT; those beyond are forgotten at once. 0: no bound */
    uint32_t max_orphans; /* connections that were closed and still have to deliver; those beyond are reset. 0: no
                             bound */
    uint64_t keepalive_time, keepalive_intvl;
    uint8_t keepalive_probes;
    uint8_t initial_cwnd;       /* segments, RFC 6928 */
    bool slow_start_after_idle; /* after an idle time the window is no larger than that (RFC 5681 4.1) */
    bool sack, timestamps, window_scaling;
    bool pacing; /* segments leave spread over the round trip; "bbr" does so in any case */
    uint32_t pacing_ss_ratio, pacing_ca_ratio; /* rate in percent of a window per round trip: in slow start, after it */
    uint8_t min_tso_segs; /* a super-segment is what the rate brings in a millisecond, but at least so many segments, */
    uint8_t tso_rtt_log;  /* and 64 KB >> (shortest round trip in microseconds >> this) more; 255: no more */
    bool stdurg;          /* a peer's urgent pointer names the last octet of urgent data (RFC 1122), not the one
                             behind it (RFC 9293) */
    uint8_t ecn;          /* marks of the network (RFC 3168): 0 off, 1 asked for and agreed to, 2 agreed to only */
    bool ecn_fallback;    /* a SYN that asked and had no answer is sent again without asking (RFC 3168 6.1.1.1) */
    uint16_t port_min, port_max;                                         /* ephemeral ports */
    uint32_t fastopen;                                                   /* enum umptcp_fastopen */
    uint8_t fastopen_key[UMPTCP_FASTOPEN_KEYS][UMPTCP_FASTOPEN_KEY_LEN]; /* of cookies: the first one makes them, */
    uint8_t fastopen_nkeys;              /* as many check them; 0: a random key. To rotate, put a new one in front */
    uint64_t fastopen_blackhole_timeout; /* how long Fast Open rests, at first, when it finds no way; 0: it does not */

    /* net.mptcp.* */
    bool mptcp_enabled;
    bool checksum_enabled; /* ask for DSS checksums; they are used when either side asks */
    bool allow_join_initial_addr_port;
    uint8_t syn_retrans_before_tcp_fallback;
    uint8_t stale_loss_cnt;    /* subflow timeouts without progress before data avoids the subflow; 0: never */
    uint64_t add_addr_timeout; /* upper bound of the first ADD_ADDR retransmission interval; 0: never again */
    uint64_t close_timeout;    /* how long a connection without any subflow waits for a new one */
    const char *scheduler;     /* "default" */
    const char
        *path_manager; /* "kernel", or "userspace": nothing happens but by umptcp_pm_announce() and its company */

    /* Beyond Linux */
    bool abe;           /* a mark of the network lowers the window by less than a loss does (RFC 8511) */
    bool fastclose_ack; /* an abort says MP_FASTCLOSE on an ACK and waits for the RST that answers it (RFC 8684 3.5,
                           option A); false: RSTs say it, as Linux does (option R) */
    bool rejoin;        /* a subflow that died is tried again while data moves and its endpoint stands */
    uint64_t probe_interval; /* silence on a path, while others speak, before it is probed; 0: never */
    uint8_t probe_count;     /* unanswered probes before such a path is dropped */
    bool reannounce;         /* an address that went is announced again when it is back; else only withdrawn */
    bool remove_addr_probe;  /* subflows to an address that the peer removed are asked whether they live (RFC 8684
                                3.4.2); else they end at once, as Linux has it */
    bool join_any_port;      /* the peer may join at any port of ours (RFC 8684 3.2); else at that of its first subflow
                                and those announced, as Linux has it */
    uint8_t signal_repeats;  /* how often MP_PRIO and REMOVE_ADDR, which nobody acknowledges, are said again */
    bool bound_only;     /* a socket that is bound to an address uses no other (RFC 6897 4.2); else it uses endpoints
                            as well, as Linux has it */
    uint64_t join_delay; /* longest random time before endpoints get their subflows, so that joins of both ends
                            seldom cross (RFC 8684 3.9.2); 0: at once */
};

/* Fills in the defaults. The seed stays zero: the caller sets it. */
UMPTCP_API void umptcp_config_init(struct umptcp_config *cfg);

/*
 * Makes a stack. Returns NULL without memory, or when the configuration names a congestion control, scheduler or path
 * manager that does not exist, or has a zero receive or send buffer.
 */
UMPTCP_API struct umptcp *umptcp_new(const struct umptcp_config *cfg, struct umptcp_time now);
/*
 * Changes the configuration in the middle of things. What is set when a connection is made (buffers, initial window,
 * keepalive, congestion control, path manager, options of the SYN) counts for those to come, the rest at once. The
 * seed, the allocator and the memory budget stay as they are. Returns 0, -EINVAL (as umptcp_new() returns NULL), or
 * -EBUSY (another scheduler while there are connections).
 */
UMPTCP_API int umptcp_configure(struct umptcp *s, const struct umptcp_config *cfg, struct umptcp_time now);
/* Frees all of it without a packet: abort connections first to tell the peers. NULL is fine. */
UMPTCP_API void umptcp_free(struct umptcp *s);

/* ---- Interfaces, addresses, routes ------------------------------------------------------------------------------- */

enum umptcp_netif_flag {
    UMPTCP_IF_CSUM = 1, /* takes and gives packets whose L4 checksum is partial or was verified (virtio-net header) */
    UMPTCP_IF_TSO4 = 2, /* takes and gives IPv4 super-segments of up to 64 KB */
    UMPTCP_IF_TSO6 = 4, /* the same for IPv6 */
};

struct umptcp_netif_config {
    const char *name; /* for diagnostics; copied, at most 15 bytes count */
    uint32_t mtu;     /* bytes of one IP packet */
    uint32_t flags;   /* enum umptcp_netif_flag */
};

/* Adds an interface, up. Returns its number (1, 2, ...), or -ENOMEM, -EINVAL (mtu below 576), -ENOSPC. */
UMPTCP_API int umptcp_netif_add(struct umptcp *s, const struct umptcp_netif_config *cfg);
/*
 * Gives an interface an address (its prefix becomes a route). Returns 0, or -ENODEV, -EEXIST, -EINVAL, -ENOMEM.
 * Removing one, and setting the interface down, makes the subflows from it move their data elsewhere and end
 * (REMOVE_ADDR is sent on another); adding or up makes endpoints of that address usable again.
 */
UMPTCP_API int umptcp_addr_add(struct umptcp *s, int netif, const struct umptcp_addr *addr, uint8_t prefix_len,
                               struct umptcp_time now);
UMPTCP_API int umptcp_addr_del(struct umptcp *s, int netif, const struct umptcp_addr *addr, struct umptcp_time now);
UMPTCP_API int umptcp_netif_set_up(struct umptcp *s, int netif, bool up, struct umptcp_time now);
/* Another MTU, for subflows to come. 0, -ENODEV, -EINVAL (below 576, or below 1280 with an IPv6 address). */
UMPTCP_API int umptcp_netif_set_mtu(struct umptcp *s, int netif, uint32_t mtu);
/* Sends a prefix through an interface (an all-zero prefix of length 0 is the default route of that family). */
UMPTCP_API int umptcp_route_add(struct umptcp *s, const struct umptcp_addr *prefix, uint8_t prefix_len, int netif);

/* ---- Packets and time -------------------------------------------------------------------------------------------- */

/* A packet that came: an IP packet in one piece, borrowed for the call. */
struct umptcp_packet {
    const uint8_t *data;
    uint32_t len; /* up to 65535 + headers when merged */
    uint16_t
        gso_size;    /* payload bytes of each of the segments that were merged; 0: one segment as it was on the wire */
    bool csum_valid; /* the L4 checksum was verified or is not there yet (partial): do not check it */
};

struct umptcp_slice { /* as struct iovec */
    const void *base;
    size_t len;
};

enum {
    UMPTCP_HDR_MAX = 128, /* IP and TCP headers with every option */
    UMPTCP_SLICES_MAX = 8,
};

/* A packet to send: slices[0] is the headers (in `hdr`), the rest points into the connection's buffer. */
struct umptcp_out {
    int netif;
    uint32_t len;      /* of all slices */
    uint32_t hdr_len;  /* IP and TCP headers */
    uint16_t gso_size; /* not 0: a super-segment, to be cut into pieces of this much payload */
    bool v6;
    bool csum_partial;    /* the L4 checksum field holds the pseudo-header's sum only: finish it (virtio-net) */
    uint16_t csum_start;  /* where the checksummed part starts */
    uint16_t csum_offset; /* the checksum field, from csum_start */
    uint32_t nslices;
    struct umptcp_slice slices[UMPTCP_SLICES_MAX];
    uint8_t hdr[UMPTCP_HDR_MAX];
};

/* Why a packet, or a part of it, was thrown away; UMPTCP_DROP_NONE: it was not. Names by umptcp_drop_name(). */
typedef uint8_t umptcp_drop;
#define UMPTCP_DROP_NONE 0

/*
 * Hands a packet to the stack. Never fails: what cannot be used is dropped, counted, and the reason returned.
 * Queues no answer by itself: what the packet causes comes out of umptcp_output().
 */
UMPTCP_API umptcp_drop umptcp_input(struct umptcp *s, int netif, const struct umptcp_packet *pkt,
                                    struct umptcp_time now);
/* Takes the next packet. Returns false when there is nothing to send now. `out` is valid until the next call. */
UMPTCP_API bool umptcp_output(struct umptcp *s, struct umptcp_out *out, struct umptcp_time now);
/* Runs the timers that are due. */
UMPTCP_API void umptcp_tick(struct umptcp *s, struct umptcp_time now);
/* When to call umptcp_tick() next: UMPTCP_NEVER without timers, a time in the past when there is output waiting. */
UMPTCP_API struct umptcp_time umptcp_next(const struct umptcp *s);

/* ---- Events ------------------------------------------------------------------------------------------------------ */

enum umptcp_event_type {
    UMPTCP_EV_CONNECTED = 1,  /* connect() succeeded */
    UMPTCP_EV_ACCEPT,         /* on a listener: umptcp_accept() has something */
    UMPTCP_EV_READABLE,       /* bytes, or the end of the stream, can be received */
    UMPTCP_EV_WRITABLE,       /* there is room again after a short umptcp_send() */
    UMPTCP_EV_CLOSED,         /* over: `error` is 0 after an orderly end, else the errno value; the handle stays until
                                 umptcp_close() */
    UMPTCP_EV_SUBFLOW_UP,     /* a further subflow, `subflow`, carries data; the first one comes with the connection */
    UMPTCP_EV_SUBFLOW_DOWN,   /* `error`: errno value; `reason`: the MP_TCPRST reason that came or went, else 0 */
    UMPTCP_EV_SUBFLOW_STALE,  /* no progress: data avoids it */
    UMPTCP_EV_SUBFLOW_ALIVE,  /* and back */
    UMPTCP_EV_SUBFLOW_PRIO,   /* the peer changed the backup flag of a subflow */
    UMPTCP_EV_ADDR_ANNOUNCED, /* the peer announced `addr` with `addr_id` */
    UMPTCP_EV_ADDR_REMOVED,   /* the peer withdrew `addr_id` */
    UMPTCP_EV_FALLBACK,       /* the connection goes on as plain TCP */
    UMPTCP_EV_DELIVERED,      /* after umptcp_shutdown(): all that was sent, and the end, was acknowledged. Who lingers
                                 closes now. UMPTCP_EV_CLOSED says as much when the peer ended first */
    UMPTCP_EV_URGENT,         /* plain TCP: urgent data was announced, or the octet at its mark came */
    UMPTCP_EV_NOTICE,         /* umptcp_notice() has something */
};

struct umptcp_event {
    enum umptcp_event_type type;
    umptcp_sock sock;
    int error;
    uint32_t subflow;
    uint8_t reason;
    uint8_t addr_id;
    struct umptcp_sockaddr addr;
};

/* Takes the next event. Returns false when there is none. Socket events are merged, path events may be lost when more
 * than 64 of a connection wait (counted as UmptcpEventsLost). */
UMPTCP_API bool umptcp_event(struct umptcp *s, struct umptcp_event *ev);

/* ---- Sockets ----------------------------------------------------------------------------------------------------- */

struct umptcp_connect {
    struct umptcp_sockaddr remote;
    struct umptcp_sockaddr local; /* zero address: chosen by route; zero port: ephemeral */
    bool tcp_only;                /* do not try MPTCP */
    bool fastopen;           /* bytes that are sent before umptcp_output() go on the SYN (RFC 7413), as many as fit,
                                when there is a cookie of the server; else the SYN asks for one. They may come twice
                                to an application whose host forgot the first time, so they should do no harm then */
    bool fastopen_no_cookie; /* the server needs none */
};

/*
 * Starts a connection; UMPTCP_EV_CONNECTED or _CLOSED follows. Bytes may be sent at once: they go with the handshake.
 * Returns 0, or -EINVAL (address is multicast, broadcast or unspecified), -ENETUNREACH (no route or interface down),
 * -EADDRNOTAVAIL (local address not ours, or no port left), -EADDRINUSE, -ENOMEM.
 */
UMPTCP_API int umptcp_connect(struct umptcp *s, const struct umptcp_connect *c, umptcp_sock *sock,
                              struct umptcp_time now);

/* How many bytes could go on the SYN of such a connection, with `fastopen`, now; 0: there is no cookie, or no way. */
UMPTCP_API uint32_t umptcp_fastopen_room(struct umptcp *s, const struct umptcp_connect *c, struct umptcp_time now);
/* Forgets the cookies of servers, and where Fast Open did not work. */
UMPTCP_API void umptcp_fastopen_forget(struct umptcp *s);

struct umptcp_listen {
    struct umptcp_sockaddr local; /* all-zero address: any IPv6 and IPv4 */
    uint32_t backlog;             /* connections not yet accepted; as many again may be in handshake */
    bool tcp_only;
    bool reuseport;    /* others may listen at the same address and port, when all say so: each gets its part of the
                          peers, by a hash of their addresses and ports */
    uint32_t fastopen; /* connections that Fast Open (RFC 7413) may begin before their handshake is over; 0: none. Such
                          a one can be accepted, read and written at once. Its first bytes may be a copy of a SYN that
                          came before: only for requests that can be made twice. One that a RST ended counts for a
                          minute more */
};

/* Returns 0, or -EADDRINUSE, -EADDRNOTAVAIL, -EINVAL (port 0), -ENOMEM. */
UMPTCP_API int umptcp_listen(struct umptcp *s, const struct umptcp_listen *l, umptcp_sock *sock);
/*
 * Returns 0 and the next connection, or -EAGAIN, -EBADF, -EINVAL (not a listener). One that was reset meanwhile comes
 * as well, as with Linux: with what could be read of it, and UMPTCP_EV_CLOSED with its error.
 */
UMPTCP_API int umptcp_accept(struct umptcp *s, umptcp_sock listener, umptcp_sock *sock);
/*
 * Keys of a listener's own, instead of those of the configuration, in the form of Linux's TCP_FASTOPEN_KEY. Returns 0,
 * or -EINVAL (not 1 or 2 of them, or not a listener), -EBADF.
 */
UMPTCP_API int umptcp_fastopen_keys_set(struct umptcp *s, umptcp_sock listener, const uint8_t (*keys)[16], int n);
/* Copies those that count, at most two, and returns how many; of a zero socket the configuration's. Or -EINVAL, -EBADF.
 */
UMPTCP_API int umptcp_fastopen_keys_get(const struct umptcp *s, umptcp_sock listener, uint8_t (*keys)[16]);
/* How many connections wait to be accepted, or -EBADF, -EINVAL (not a listener). */
UMPTCP_API int umptcp_pending(const struct umptcp *s, umptcp_sock listener);

/*
 * Sending copies bytes into the connection once. Returns how many were taken (fewer than asked when the buffer is
 * full: UMPTCP_EV_WRITABLE follows), or -EAGAIN (none fit), -ENOTCONN, -EPIPE (after shutdown or end), -ENOMEM, -EBADF,
 * or the connection's error.
 */
UMPTCP_API ptrdiff_t umptcp_send(struct umptcp *s, umptcp_sock sock, const void *buf, size_t len,
                                 struct umptcp_time now);
/*
 * The same without the copy: writable slices of free buffer (at most `max_slices`, at most `len` bytes in all), to be
 * filled and then committed. Returns the number of slices, or an error as umptcp_send().
 */
UMPTCP_API int umptcp_send_reserve(struct umptcp *s, umptcp_sock sock, size_t len, struct umptcp_slice *slices,
                                   int max_slices);
/* Hands over the first `len` bytes of the last reservation. Returns 0, -EINVAL (more than reserved), -EPIPE (after
 * shutdown or end), -EBADF. */
UMPTCP_API int umptcp_send_commit(struct umptcp *s, umptcp_sock sock, size_t len, struct umptcp_time now);

enum umptcp_mark_kind {
    UMPTCP_MARK_RECORD = 1, /* a record ends here: no segment has bytes of both sides (Linux: MSG_EOR) */
    UMPTCP_MARK_SENT = 2,   /* a notice when the byte before it leaves for the first time */
    UMPTCP_MARK_ACKED = 4,  /* a notice when the peer has all before it */
};

/*
 * Marks the place behind the last byte that was sent so far, with what is to happen there (enum umptcp_mark_kind) and a
 * number of the caller's that its notices tell. Returns 0, or -EINVAL (no kind, or nothing was sent yet), -ENOTCONN,
 * -EPIPE (it is over), -ENOMEM, -EBADF.
 */
UMPTCP_API int umptcp_mark(struct umptcp *s, umptcp_sock sock, unsigned kinds, uint32_t id, struct umptcp_time now);

struct umptcp_notice {
    enum umptcp_mark_kind kind; /* SENT or ACKED */
    uint32_t id;
    struct umptcp_time at;
};

/* Takes the oldest notice; UMPTCP_EV_NOTICE tells that there is one. Returns false when there is none. */
UMPTCP_API bool umptcp_notice(struct umptcp *s, umptcp_sock sock, struct umptcp_notice *notice);

/*
 * Receives up to `len` bytes in order. Returns their number, 0 at the end of the stream, or -EAGAIN, -ENOTCONN, -EBADF,
 * or the connection's error (bytes that came before it are given out first).
 */
UMPTCP_API ptrdiff_t umptcp_recv(struct umptcp *s, umptcp_sock sock, void *buf, size_t len, struct umptcp_time now);
/* The same without the copy: slices of readable bytes, then how many of them were used. Returns as umptcp_recv(), with
 * the number of slices for the number of bytes. */
UMPTCP_API int umptcp_recv_peek(struct umptcp *s, umptcp_sock sock, struct umptcp_slice *slices, int max_slices);
UMPTCP_API int umptcp_recv_consume(struct umptcp *s, umptcp_sock sock, size_t len, struct umptcp_time now);

/*
 * Urgent data (RFC 9293 3.8.5), of plain TCP only: for old protocols that have it. New ones should not use it (RFC
 * 6093): devices on the path and stacks do not agree about it, and a second urgent octet may put the first one back in
 * line.
 *
 * Sends as umptcp_send(), and points the peer at the end of what was taken, at once: Nagle's rule and a cork do not
 * hold it back. Returns also -EOPNOTSUPP (a connection of MPTCP, or that may become one).
 */
UMPTCP_API ptrdiff_t umptcp_send_urgent(struct umptcp *s, umptcp_sock sock, const void *buf, size_t len,
                                        struct umptcp_time now);

struct umptcp_urgent {
    bool marked;     /* the peer announced urgent data, and it was not all read */
    bool at_mark;    /* the next octet to read is the last of it */
    bool octet;      /* that octet waits for umptcp_recv_urgent() */
    uint64_t ahead;  /* bytes of the stream before it, whether they came or not */
    uint64_t unread; /* bytes that came in order, before and behind it, it among them */
};

/* What is known of the peer's urgent data. A read ends at its mark. 0, -ENOTCONN (a listener), -EBADF. */
UMPTCP_API int umptcp_urgent(struct umptcp *s, umptcp_sock sock, struct umptcp_urgent *urgent);
/*
 * Without UMPTCP_OPT_OOBINLINE: the octet at the mark, which is not in the stream then; with `peek` it can be read once
 * more. Reading over the mark loses it. Returns 1, or -EAGAIN (announced, but not here), 0 (nor will it come), -EINVAL
 * (none, or taken, or in line), -ENOTCONN, -EBADF.
 */
UMPTCP_API int umptcp_recv_urgent(struct umptcp *s, umptcp_sock sock, uint8_t *octet, bool peek,
                                  struct umptcp_time now);

/* Ends our direction after what was sent (DATA_FIN; FIN in plain TCP). Receiving goes on. 0, -ENOTCONN, -EBADF. */
UMPTCP_API int umptcp_shutdown(struct umptcp *s, umptcp_sock sock, struct umptcp_time now);
/*
 * Ends reading: without bytes to read umptcp_recv() returns 0 from now on. As with Linux the peer is told nothing, and
 * what it sends is taken, acknowledged and can be read; in plain TCP it gets a RST once our direction was ended, too,
 * for then nobody is left to answer. 0, -ENOTCONN, -EBADF.
 */
UMPTCP_API int umptcp_shutdown_recv(struct umptcp *s, umptcp_sock sock, struct umptcp_time now);
/*
 * Gives the handle up. Bytes already sent are still delivered and the connection ends in order by itself; when bytes
 * that came were not received, or it is still being opened, it is aborted instead (RFC 9293 3.6.1 and 3.10.4, RFC 2525
 * 2.17). On a listener: connections not yet accepted are aborted. Returns 0 or -EBADF.
 */
UMPTCP_API int umptcp_close(struct umptcp *s, umptcp_sock sock, struct umptcp_time now);
/* Resets: MP_FASTCLOSE on every subflow (RST in plain TCP), nothing more is delivered. Gives the handle up. */
UMPTCP_API int umptcp_abort(struct umptcp *s, umptcp_sock sock, struct umptcp_time now);

enum umptcp_opt {
    UMPTCP_OPT_NODELAY = 1,  /* 0 or 1: no Nagle */
    UMPTCP_OPT_CORK,         /* UMPTCP_CORK_*: hold partial segments, at most 200 ms */
    UMPTCP_OPT_KEEPALIVE,    /* 0 or 1 */
    UMPTCP_OPT_KEEPIDLE,     /* nanoseconds */
    UMPTCP_OPT_KEEPINTVL,    /* nanoseconds */
    UMPTCP_OPT_KEEPCNT,      /* count */
    UMPTCP_OPT_RCVBUF,       /* bytes; setting it ends its auto-tuning */
    UMPTCP_OPT_SNDBUF,       /* bytes; setting it ends its auto-tuning */
    UMPTCP_OPT_USER_TIMEOUT, /* nanoseconds without progress before the connection ends, rounded up to milliseconds; 0:
                                the default */
    UMPTCP_OPT_MAXSEG,       /* bytes: MSS of our SYN and bound of the peer's; before the SYN left, or on a listener */
    UMPTCP_OPT_SYNCNT,       /* how often the SYN is sent again */
    UMPTCP_OPT_TTL,          /* TTL or hop limit of our packets */
    UMPTCP_OPT_TOS,          /* TOS or traffic class; the ECN bits are not the user's */
    UMPTCP_OPT_FASTOPEN,     /* of a listener: as umptcp_listen.fastopen */
    UMPTCP_OPT_FASTOPEN_NO_COOKIE, /* 0 or 1; of a listener: data of every SYN is taken */
    UMPTCP_OPT_QUICKACK,      /* 1: acknowledgments leave at once, for some segments; 0: they wait for answers or 40 ms,
                                 until the connection rests */
    UMPTCP_OPT_NOTSENT_LOWAT, /* bytes that may wait to be given to a subflow; UINT32_MAX: as many as there is buffer.
                                 UMPTCP_EV_WRITABLE comes when less than half of it waits */
    UMPTCP_OPT_OOBINLINE, /* 0 or 1: the last octet of urgent data stays in the stream (RFC 6093 6); it does by default
                           */
    UMPTCP_OPT_DEFER_ACCEPT, /* nanoseconds, of a listener: so long a connection is not told of before its first data
                                came; 0: at once. The time is that of a number of SYN/ACKs */
};

enum umptcp_cork {
    UMPTCP_CORK_HOLD = 1, /* a partial segment waits until more is written (Linux: TCP_CORK) */
    UMPTCP_CORK_MORE = 2, /* what is written from now on will be followed by more soon (Linux: MSG_MORE): it has no PSH,
                             and waits until the next acknowledgment at most */
};

/* Returns 0, or -ENOPROTOOPT, -EINVAL (value out of range), -ENOMEM (some subflows have it not), -EBADF. */
UMPTCP_API int umptcp_setopt(struct umptcp *s, umptcp_sock sock, enum umptcp_opt opt, int64_t value,
                             struct umptcp_time now);
UMPTCP_API int umptcp_getopt(struct umptcp *s, umptcp_sock sock, enum umptcp_opt opt, int64_t *value);
/* Another congestion control for this connection: its present subflows, with their windows as they are, and those to
 * come; or for the connections that a listener will take. Returns 0, -ENOENT (no such name), -ENOMEM (some subflows
 * have the old one), -EBADF. */
UMPTCP_API int umptcp_set_congestion(struct umptcp *s, umptcp_sock sock, const char *name, struct umptcp_time now);
/* The same for one subflow. One that couples looks at those of the connection's subflows that have it, too. Returns 0,
 * -ENOENT (no such name, or no such subflow), -ENOMEM, -ENOTCONN (a listener), -EBADF. */
UMPTCP_API int umptcp_set_subflow_congestion(struct umptcp *s, umptcp_sock sock, uint32_t subflow, const char *name,
                                             struct umptcp_time now);
/* The name of what a subflow has; 0: of what those to come begin with. NULL: no such socket or subflow. */
UMPTCP_API const char *umptcp_congestion(const struct umptcp *s, umptcp_sock sock, uint32_t subflow);
/* Another path manager than the configured one, for this connection while its handshake lasts, or for those that a
 * listener will take. Returns 0, -ENOENT (no such name), -EISCONN (too late), -EBADF. */
UMPTCP_API int umptcp_set_path_manager(struct umptcp *s, umptcp_sock sock, const char *name);

/* Addresses of the first subflow, also when it is gone (RFC 8684 section 4). 0, -ENOTCONN, -EBADF. */
UMPTCP_API int umptcp_getname(struct umptcp *s, umptcp_sock sock, struct umptcp_sockaddr *local,
                              struct umptcp_sockaddr *remote);

/* ---- Path management --------------------------------------------------------------------------------------------- */

enum umptcp_endpoint_flag { /* values and meaning of Linux's MPTCP_PM_ADDR_FLAG_*; none: only gives the address its id
                             */
                            UMPTCP_EP_SIGNAL = 0x01,  /* announced to the peer */
                            UMPTCP_EP_SUBFLOW = 0x02, /* one subflow from it, to the peer's first address */
                            UMPTCP_EP_BACKUP = 0x04,
                            UMPTCP_EP_FULLMESH = 0x08, /* one subflow from it to each address of the peer */
                            UMPTCP_EP_IMPLICIT = 0x10, /* made by the stack, for an address that needed an id */
                            UMPTCP_EP_LAMINAR = 0x20,  /* where subflows to announced addresses come from */
};

struct umptcp_endpoint {
    uint8_t id; /* 0 when adding: the next free one */
    uint32_t flags;
    int netif; /* 0: the interface that has the address */
    struct umptcp_sockaddr
        addr; /* the port only with SIGNAL and without SUBFLOW: joins are taken there, nothing else */
};

enum { UMPTCP_ENDPOINTS_MAX = 8, UMPTCP_SUBFLOWS_MAX = 8 };

/*
 * Adds an endpoint for present and future connections. Takes the place of an implicit one of that address when `id` is
 * 0, and keeps its id. Returns the id, or -EBUSY (id in use), -EEXIST, -ERANGE (full), -EADDRINUSE (a listener has that
 * port), -EINVAL (IMPLICIT, SIGNAL with FULLMESH, a port without SIGNAL or with SUBFLOW, an id for an implicit one).
 */
UMPTCP_API int umptcp_endpoint_add(struct umptcp *s, const struct umptcp_endpoint *ep, struct umptcp_time now);
/* Removes it: REMOVE_ADDR, and its subflows end. 0 or -EINVAL (no such id). */
UMPTCP_API int umptcp_endpoint_del(struct umptcp *s, uint8_t id, struct umptcp_time now);
/* Connections whose first subflow has this address of ours withdraw it (REMOVE_ADDR of id 0) and end their subflows
 * from it; no endpoint goes. Linux: deleting id 0. */
UMPTCP_API void umptcp_endpoint_del_initial(struct umptcp *s, const struct umptcp_addr *addr, struct umptcp_time now);
/* Removes all, and begins with id 1 again: REMOVE_ADDR of those that were announced, and their subflows end. */
UMPTCP_API void umptcp_endpoint_flush(struct umptcp *s, struct umptcp_time now);
/*
 * BACKUP and FULLMESH shall be as in `flags`; other flags do not change. Another BACKUP: MP_PRIO on its subflows.
 * Another FULLMESH: its subflows end and are made anew. 0 or -EINVAL (no such id, FULLMESH with SIGNAL or IMPLICIT).
 */
UMPTCP_API int umptcp_endpoint_set_flags(struct umptcp *s, uint8_t id, uint32_t flags, struct umptcp_time now);
/* The id of the endpoint with this address and port (0: none), or -EINVAL. */
UMPTCP_API int umptcp_endpoint_find(const struct umptcp *s, const struct umptcp_sockaddr *addr);
/* Copies at most `max` endpoints by id; returns how many there are. */
UMPTCP_API int umptcp_endpoints(const struct umptcp *s, struct umptcp_endpoint *eps, int max);
/* Extra subflows per connection, and accepted ADD_ADDRs (Linux: 2 and 0). Returns 0 or -EINVAL (above 8). */
UMPTCP_API int umptcp_limits_set(struct umptcp *s, uint8_t subflows, uint8_t add_addr_accepted);
UMPTCP_API void umptcp_limits_get(const struct umptcp *s, uint8_t *subflows, uint8_t *add_addr_accepted);
/* Changes the backup flag of one subflow and tells the peer (MP_PRIO). 0, -ENOENT, -EBADF, -EOPNOTSUPP (plain TCP). */
UMPTCP_API int umptcp_subflow_set_backup(struct umptcp *s, umptcp_sock sock, uint32_t subflow, bool backup,
                                         struct umptcp_time now);

/*
 * Management from outside, as Linux's for a daemon. A connection is named by its token, which its events and its
 * umptcp_info have (token_local); its path manager must be "userspace". Such a connection announces and opens nothing
 * by itself, has no limits, and takes joins and echoes announcements of the peer only while umptcp_pm_listen() is on.
 * It keeps the local addresses that were announced or used, with ids of its own.
 *
 * The calls return 0, or -EINVAL, and what is said beside them. umptcp_pm_error() says why in Linux's words.
 */

/* Announces an address (ADD_ADDR, sent again until it is echoed), or says it anew. `ep`: id not 0, flags with
 * UMPTCP_EP_SIGNAL; to listen on its port is the caller's. -ENOMEM. */
UMPTCP_API int umptcp_pm_announce(struct umptcp *s, uint32_t token, const struct umptcp_endpoint *ep,
                                  struct umptcp_time now);
/* Withdraws an address that was announced or is used (REMOVE_ADDR), and forgets it. Its subflows stay until the peer
 * ends them. Id 0 is the first subflow's address. */
UMPTCP_API int umptcp_pm_remove(struct umptcp *s, uint32_t token, uint8_t id, struct umptcp_time now);
/*
 * Opens a subflow. `local`: address, id, interface (0: any), UMPTCP_EP_BACKUP; a zero port is ephemeral, a zero address
 * by route. `remote`: address, port, id. Returns also as umptcp_connect(), -ENOTCONN (not fully
 * established), -EADDRNOTAVAIL, -EADDRINUSE, -ENETUNREACH, -ERANGE (too many subflows), -ENOMEM.
 */
UMPTCP_API int umptcp_pm_create(struct umptcp *s, uint32_t token, const struct umptcp_endpoint *local,
                                const struct umptcp_endpoint *remote, struct umptcp_time now);
/* Ends the subflow with exactly these addresses and ports in order; nothing is withdrawn. -ESRCH: there is none. */
UMPTCP_API int umptcp_pm_destroy(struct umptcp *s, uint32_t token, const struct umptcp_sockaddr *local,
                                 const struct umptcp_sockaddr *remote, struct umptcp_time now);
/* Changes the backup flag of the subflow between these (a zero port: any) and tells the peer (MP_PRIO). */
UMPTCP_API int umptcp_pm_set_backup(struct umptcp *s, uint32_t token, const struct umptcp_sockaddr *local,
                                    const struct umptcp_sockaddr *remote, bool backup, struct umptcp_time now);
/* Copies at most `max` of a connection's addresses in the order they came; returns how many there are. */
UMPTCP_API int umptcp_pm_entries(struct umptcp *s, uint32_t token, struct umptcp_endpoint *eps, int max);
/* Why the last of these calls failed, as Linux's extended acknowledgment says it ("invalid token"); NULL: it did not.
 * A constant. */
UMPTCP_API const char *umptcp_pm_error(const struct umptcp *s);

enum umptcp_pm_event_type {                        /* values and meaning of Linux's MPTCP_EVENT_*, of all connections */
                            UMPTCP_PM_CREATED = 1, /* both keys are known */
                            UMPTCP_PM_ESTABLISHED = 2, /* fully: it may have more subflows */
                            UMPTCP_PM_CLOSED = 3,      /* the application gave it up */
                            UMPTCP_PM_ANNOUNCED = 6,   /* by the peer, also when it did so before: remote_id, remote */
                            UMPTCP_PM_REMOVED = 7,     /* the same: remote_id */
                            UMPTCP_PM_SUB_ESTABLISHED = 10,  /* a further subflow */
                            UMPTCP_PM_SUB_CLOSED = 11,       /* any subflow, of a connection that goes on */
                            UMPTCP_PM_SUB_PRIORITY = 13,     /* `backup` is what the peer wants now */
                            UMPTCP_PM_LISTENER_CREATED = 15, /* local */
                            UMPTCP_PM_LISTENER_CLOSED = 16,
};

struct umptcp_pm_event {
    enum umptcp_pm_event_type type;
    uint32_t token;                       /* ours; 0 of a listener */
    umptcp_sock sock;                     /* zero: nobody holds it, or not yet */
    struct umptcp_sockaddr local, remote; /* of the subflow; CREATED and ESTABLISHED: of the first one */
    uint8_t local_id, remote_id;
    bool server_side, deny_join_id0; /* CREATED, ESTABLISHED: the peer connected; wants no subflow to its address 0 */
    bool backup;                     /* SUB_*: asked for by the peer */
    int netif;                       /* SUB_*: that it was told to use; 0: none */
    int error;                       /* SUB_*: errno value */
    bool reset;                      /* SUB_CLOSED: the peer said why, by MP_TCPRST: */
    bool reset_transient;
    uint8_t reset_reason;
};

/* Events are kept from now on, or no more: those that wait are lost then. At most 4096 wait, what is beyond is counted
 * as UmptcpEventsLost. */
UMPTCP_API void umptcp_pm_listen(struct umptcp *s, bool on);
/* Takes the next event. Returns false when there is none. */
UMPTCP_API bool umptcp_pm_event(struct umptcp *s, struct umptcp_pm_event *ev);

/* ---- Looking inside ---------------------------------------------------------------------------------------------- */

enum umptcp_tcp_state { /* RFC 9293; values of Linux */
                        UMPTCP_ESTABLISHED = 1,
                        UMPTCP_SYN_SENT,
                        UMPTCP_SYN_RCVD,
                        UMPTCP_FIN_WAIT_1,
                        UMPTCP_FIN_WAIT_2,
                        UMPTCP_TIME_WAIT,
                        UMPTCP_CLOSED,
                        UMPTCP_CLOSE_WAIT,
                        UMPTCP_LAST_ACK,
                        UMPTCP_LISTEN,
                        UMPTCP_CLOSING,
};

enum umptcp_ca_state { /* of congestion control; values of Linux */
                       UMPTCP_CA_OPEN,
                       UMPTCP_CA_DISORDER,
                       UMPTCP_CA_CWR,
                       UMPTCP_CA_RECOVERY,
                       UMPTCP_CA_LOSS,
};

struct umptcp_info {
    enum umptcp_tcp_state state; /* of the connection, in TCP's names as Linux has it */
    bool is_mptcp;               /* false: plain TCP from the start or after fall-back */
    bool fallback;               /* MPTCP was tried and given up */
    bool csum_enabled;
    uint32_t token_local, token_remote;
    uint64_t write_seq, snd_una, rcv_nxt;     /* data sequence numbers; a DATA_FIN counts below, not here */
    bool fin_queued, fin_acked, fin_received; /* the end of our direction, and the peer's behind all its data */
    uint64_t bytes_sent, bytes_acked, bytes_received;
    uint64_t bytes_reinjected; /* sent again on another subflow */
    /* Nanoseconds, in whole milliseconds: something waited to be sent or acknowledged; and of those, the peer's window
     * was what it waited for, or the application had more to send than its buffer took */
    uint64_t busy, rwnd_limited, sndbuf_limited;
    bool syn_data;            /* data of the SYN was acknowledged, on a first subflow that is gone */
    uint32_t subflows;        /* now */
    uint32_t subflows_total;  /* ever */
    uint32_t addrs_announced; /* to the peer, ever */
    uint32_t addrs_known;     /* that the peer announced and did not withdraw */
    uint32_t addrs_used;      /* endpoints that the path manager opened subflows from, or tried to; "kernel" only */
    uint32_t addrs_accepted;  /* that the peer announced, and subflows were opened to; "kernel" only */
    uint32_t sndbuf, rcvbuf;
    uint32_t unsent;                  /* bytes not yet given to a subflow */
    uint32_t rcv_space;               /* what the application reads in a round trip, by which the buffer grows */
    uint32_t rcv_wnd;                 /* what the peer may still send */
    struct umptcp_time last_progress; /* last DATA_ACK or in-order byte */
    struct umptcp_time last_data_sent, last_data_received; /* zero: never */
    const char *path_manager;
};

/* Returns 0, -ENOTCONN (a listener), -EBADF. */
UMPTCP_API int umptcp_info(struct umptcp *s, umptcp_sock sock, struct umptcp_info *info);

enum umptcp_fastopen_fail { /* why data did not get there with the SYN; values of Linux */
                            UMPTCP_FASTOPEN_OK,
                            UMPTCP_FASTOPEN_COOKIE_UNAVAILABLE,
                            UMPTCP_FASTOPEN_DATA_NOT_ACKED,
                            UMPTCP_FASTOPEN_SYN_RETRANSMITTED,
};

struct umptcp_subflow_info {
    uint32_t id; /* 1 is the first one; never used again within a connection */
    enum umptcp_tcp_state state;
    int netif;
    struct umptcp_sockaddr local, remote;
    uint8_t local_id, remote_id;
    bool backup; /* local or remote request */
    bool stale;
    bool established; /* may carry data */
    uint16_t mss;
    uint32_t cwnd, ssthresh, inflight;                /* bytes */
    uint64_t srtt, rttvar, min_rtt, rto;              /* ns */
    uint64_t bytes_sent, bytes_acked, bytes_received; /* payload; sent counts retransmissions too */
    uint64_t bytes_retrans;
    uint32_t segs_out, segs_in, rto_count;

    bool initiated; /* we sent the SYN */
    bool sack, timestamps, window_scaling;
    uint8_t snd_wscale, rcv_wscale;
    uint16_t advmss;  /* of our SYN */
    uint16_t snd_mss; /* payload of a full segment beside the usual options */
    uint16_t rcv_mss; /* payload of the largest segment that came */
    enum umptcp_ca_state ca_state;
    uint16_t reordering, reord_seen;   /* segments that one was overtaken by, at most; acknowledgments that showed it */
    uint8_t timeouts, probes, backoff; /* without an answer; doublings of the RTO */
    uint32_t segs_unacked;             /* in flight, in segments: */
    uint32_t segs_sacked, segs_lost;   /* thereof SACKed; lost, also when sent again */
    uint32_t segs_again;               /* sent again, and of unknown fate */
    uint32_t notsent;                  /* bytes given to it and not sent */
    uint32_t snd_wnd, rcv_wnd;         /* bytes */
    uint64_t ato, rcv_rtt;             /* ns: delay of acknowledgments; the receiver's estimate of the round trip */
    struct umptcp_time last_sent, last_received; /* payload; any acceptable segment */
    uint32_t data_segs_out, data_segs_in;        /* segments with payload */
    uint32_t segs_retrans;                       /* all retransmissions, SYNs too */
    uint32_t segs_delivered;                     /* that arrived, the SYN among them */
    uint32_t segs_delivered_ce;                  /* thereof by acknowledgments that told of marks (ECN) */
    bool ecn, ecn_seen;                          /* agreed; a packet that could be marked came */
    uint32_t dsack_dups;                         /* that the peer says came twice */
    uint32_t segs_out_of_order;                  /* that came so */
    bool syn_data;                               /* data of the SYN was acknowledged by it (RFC 7413) */
    bool fastopen_child;                         /* passive, by Fast Open */
    enum umptcp_fastopen_fail fastopen_fail;
};

/* Copies at most `max` subflows in the order they came; returns how many there are, or -EBADF, -ENOTCONN. */
UMPTCP_API int umptcp_subflows(struct umptcp *s, umptcp_sock sock, struct umptcp_subflow_info *info, int max);

/* Counters under the names of Linux (nstat) and our own (Umptcp*, and one per drop reason, UmptcpDrop*): all of the
 * group MPTcpExt, in Linux's order, and of other groups those of what can happen here. Calls with index 0, 1, ... until
 * NULL; `value` may be NULL. */
UMPTCP_API const char *umptcp_counter(const struct umptcp *s, unsigned index, uint64_t *value);
/* One counter by name; 0 when there is no such name. */
UMPTCP_API uint64_t umptcp_counter_get(const struct umptcp *s, const char *name);
UMPTCP_API const char *umptcp_drop_name(umptcp_drop reason);
/* Names of the congestion controls, the default first: call with index 0, 1, ... until NULL. */
UMPTCP_API const char *umptcp_congestion_control(unsigned index);

/* Bytes of memory the stack holds now, and connections and listeners that exist (also without a handle). */
UMPTCP_API size_t umptcp_mem_used(const struct umptcp *s);
UMPTCP_API size_t umptcp_sockets(const struct umptcp *s);
/* True when the stack holds no connection, no listener and no armed timer. */
UMPTCP_API bool umptcp_quiet(const struct umptcp *s);
/* Checks every invariant (slow; for tests). Returns NULL, or a sentence that says what is broken. */
UMPTCP_API const char *umptcp_check(const struct umptcp *s);

#ifdef __cplusplus
}
#endif

#endif
