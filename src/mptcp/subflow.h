/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A subflow: one TCP connection that carries ranges of its connection's stream (RFC 8684 2). It holds no bytes but
 * those that it cannot place yet: its mappings say which positions of the stream its own positions stand for.
 *
 * Files: subflow.c its life and input; mapping.c both kinds of mappings; hold.c bytes that wait for theirs; path.c what
 * is known of the way that it goes.
 */
#ifndef UMPTCP_MPTCP_SUBFLOW_H
#define UMPTCP_MPTCP_SUBFLOW_H

#include "base/bytebuf.h"
#include "base/deque.h"
#include "base/drop.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/ranges.h"
#include "tcp/tcb.h"

struct conn;

enum subflow_state {
    SF_OPENING,   /* TCP handshake */
    SF_PRE,       /* join we opened: HMAC sent, waiting for the fourth ACK; no data */
    SF_ACTIVE,    /* carries data */
    SF_CLOSING,   /* gets no new bytes: what it has still goes, then its FIN */
    SF_FASTCLOSE, /* said MP_FASTCLOSE on an ACK, and waits for the RST that answers it (RFC 8684 3.5) */
    SF_DEAD,      /* to be freed at the end of the call */
};

/* MPTCP options that wait to go on a segment of this subflow (struct subflow.signals). */
enum subflow_signal {
    SIG_DATA_ACK = 1, /* a DSS with the present DATA_ACK is due (also on subflows without data of their own) */
    SIG_DATA_FIN = 2,
    SIG_PRIO = 4,
    SIG_FAIL = 8,
    SIG_FASTCLOSE = 16,
    SIG_ADD_ADDR = 32,
    SIG_ECHO = 64,
    SIG_REMOVE_ADDR = 128,
};

/* Those that do not wait until a segment without payload is due by itself. */
enum { SIGNALS_ALONE = SIG_PRIO | SIG_FAIL | SIG_ADD_ADDR | SIG_ECHO | SIG_REMOVE_ADDR | SIG_DATA_FIN };

struct tx_map { /* [ssn, ssn + len) on this subflow is [dsn, ...) of the connection; never changed once made */
    struct ssn ssn;
    struct dsn dsn;
    uint32_t len;  /* bytes */
    uint16_t csum; /* DSS checksum when the connection uses them */
    bool data_fin; /* the DATA_FIN follows the last byte and counts in the option */
    bool mpc;      /* goes as MP_CAPABLE with data, not as DSS (first data of the client) */
};

struct rx_map {
    struct ssn ssn;
    struct dsn dsn;
    uint32_t len;        /* bytes; the DATA_FIN's octet taken off */
    uint16_t option_len; /* as in the option, for the checksum */
    uint16_t csum;
    bool has_csum;
    bool placed;   /* its checksum was right and its bytes are in the stream: a copy of them is of no use */
    bool data_fin; /* the DATA_FIN follows the last byte */
};

struct subflow {
    struct tcb tcb;
    struct conn *conn;
    struct list node;           /* conn->subflows */
    struct hash_node flow_node; /* mp->flows */
    struct flow flow;
    uint32_t number; /* 1, 2, ... within the connection */
    uint16_t netif;
    uint8_t state;         /* enum subflow_state */
    bool initiator : 1;    /* we sent the SYN */
    bool join : 1;         /* opened by MP_JOIN */
    bool local_backup : 1; /* we asked */
    bool remote_backup : 1;
    bool stale : 1;
    bool confirmed : 1;  /* a DATA_ACK came here after data went out here: RFC 8684 3.7 */
    bool keys_said : 1;  /* the third ACK with both keys left */
    bool dss_seen : 1;   /* a DSS came on it, or MP_CAPABLE with data, which stands for one */
    bool registered : 1; /* in mp->flows */
    bool bare : 1;       /* the last segment came without any MPTCP option */
    bool refused : 1;    /* MP_TCPRST without T came: not to be tried again (RFC 8684 3.6) */
    bool withdrawn : 1;  /* the peer removed its address: it must prove that it lives */
    bool reset_seen : 1; /* an MP_TCPRST came: peer_reason, and whether the condition is transient (T flag) */
    bool reset_transient : 1;
    bool bound : 1;         /* to its interface, by who opened it */
    bool down_told : 1;     /* UMPTCP_PM_SUB_CLOSED was said of it, or never will be */
    bool half_open : 1;     /* counted in mp->half_open: a join of the peer that waits for its third ACK */
    bool unwelcome : 1;     /* the path manager takes no more joins than there are */
    bool rst_transient : 1; /* T flag of the MP_TCPRST to send: the path may work again */
    bool push : 1;          /* what it was given last ends what the application wrote */
    bool redo : 1;          /* what is queued was on the SYN, which did not bring it over */
    uint8_t local_id, remote_id;
    uint8_t rst_reason;   /* MP_TCPRST to send with a RST */
    uint8_t peer_reason;  /* that came */
    uint8_t join_acks;    /* third ACKs sent */
    uint8_t probes;       /* path probes without answer */
    uint8_t signal_acks;  /* duplicate ACKs in a row that only carried signals */
    uint8_t timeouts;     /* RTOs in a row */
    uint8_t prio_repeats; /* how often MP_PRIO is still to be said again */
    uint16_t signals;     /* enum subflow_signal */
    uint32_t local_nonce, remote_nonce;
    uint32_t wnd_told;    /* the last window, in bytes, or a larger one that Linux keeps; 0: only that of a SYN */
    struct deque tx_maps; /* struct tx_map, in order of ssn, from the first not yet acknowledged */
    struct deque rx_maps; /* struct rx_map, in order of ssn */
    struct hold *hold;    /* bytes without usable mapping; NULL: none */
    utime join_at;        /* third ACK of MP_JOIN again */
};

struct hold {             /* bytes of a subflow that cannot be placed yet */
    struct bytebuf bytes; /* by ssn */
    struct ranges have;   /* ssn */
    utime unmapped_at;    /* when patience with bytes without a mapping ends */
};

/* ---- Mappings (mapping.c) ---------------------------------------------------------------------------------------- */

/* Installs a mapping that came. DROP_NONE (also for a repetition), or DROP_MP_MAP_*. */
enum drop rx_map_add(struct subflow *sf, const struct rx_map *map);
/* The mapping that covers `ssn`, or NULL. */
struct rx_map *rx_map_find(const struct subflow *sf, struct ssn ssn);
/* Its bytes count only when its checksum was right. */
bool rx_map_checked(const struct conn *c, const struct rx_map *map);
/* All bytes of a checked mapping are in the stream; its DATA_FIN counts now. */
void rx_map_placed(struct conn *c, struct rx_map *map);
/* Forgets mappings wholly before `ssn`. */
void rx_map_drop_below(struct subflow *sf, struct ssn ssn);
/* Gives [dsn, dsn + len) to a subflow: a new mapping at its tcb.snd_end, queued in TCP. 0 or -ENOMEM. */
int tx_map_add(struct subflow *sf, struct dsn dsn, uint32_t len, bool data_fin);
/* The mapping that covers `ssn`. There is one for all that is in flight or queued. */
struct tx_map *tx_map_find(const struct subflow *sf, struct ssn ssn);
/* Byte `dsn` is among what the subflow has queued or in flight. */
bool tx_map_carries(const struct subflow *sf, struct dsn dsn);
/* It was given byte `dsn`, which is not Data-ACKed; TCP may have it acknowledged. */
bool tx_map_had(const struct subflow *sf, struct dsn dsn);
/* Every mapping of byte `dsn` on this subflow ends at `una` or before. */
bool tx_map_all_before(const struct subflow *sf, struct dsn dsn, struct ssn una);
/*
 * TCP acknowledged up to `una`: mappings wholly before it let their bytes go, but not before these are Data-ACKed as
 * well: should the subflow die, they are to be sent on another.
 */
void tx_map_acked(struct subflow *sf, struct ssn una);
/* All of it: the subflow is going away. */
void tx_map_clear(struct subflow *sf);

/* ---- Bytes without a mapping (hold.c) ---------------------------------------------------------------------------- */

/* Bytes that cannot be placed yet: unmapped, or of a mapping whose checksum is not complete. 0 or -ENOMEM. */
int hold_store(struct subflow *sf, struct ssn ssn, const uint8_t *data, uint32_t len);
/* Moves what is held and placeable into the stream. False when a checksum failed and the subflow was reset for it.
 */
bool hold_drain(struct subflow *sf, enum drop *drop);
/* After fall-back everything that is held belongs to the stream as it is. Without memory it is tried again later. */
void hold_drain_plain(struct subflow *sf);
/* All bytes before it are in the stream, or of no use to it: the first one held, or the next that may come. */
struct ssn hold_start(const struct subflow *sf);
/* The first held byte that no mapping covers; false when there is none. */
bool hold_unmapped(const struct subflow *sf, struct ssn *ssn);
/* TCP acknowledges bytes that no mapping covers. */
bool hold_acks_unmapped(const struct subflow *sf);
void hold_free(struct subflow *sf);

/* ---- Paths (path.c) ---------------------------------------------------------------------------------------------- */

/* A router said what its path takes: that counts for all subflows of the path, also those to come. */
void subflow_path_mss(struct subflow *sf, uint16_t mss);
/* What is known of the path counts for a new subflow. */
void subflow_path_begin(struct subflow *sf);
/* Retransmissions stay without an answer: what was known of the path may be wrong (RFC 9293 3.8.3, R1). */
void subflow_path_doubted(const struct subflow *sf);
/* The flow label of a packet, of IPv6. */
uint32_t subflow_flow_label(const struct subflow *sf, bool syn);

#endif
