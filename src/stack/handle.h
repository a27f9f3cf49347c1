/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the application holds: numbers that name a connection or a listener. A number is a place in a table and how
 * often the place was given away before, so one that was closed never means another socket.
 *
 * The table also queues the sockets that have something to tell, linked through the places: to queue takes no memory,
 * so no socket event is lost.
 */
#ifndef UMPTCP_STACK_HANDLE_H
#define UMPTCP_STACK_HANDLE_H

#include "base/mem.h"
#include "umptcp.h"

enum handle_kind { HANDLE_FREE, HANDLE_CONN, HANDLE_LISTENER };

struct handle_slot {
    void *object;
    uint32_t generation;
    uint32_t next_free;   /* place + 1; 0: the last */
    uint32_t next_queued; /* the same */
    uint8_t kind;         /* enum handle_kind */
    bool queued;
};

struct handles {
    struct mem *mem;
    struct handle_slot *slots;
    uint32_t capacity, count;
    uint32_t first_free, first_queued, last_queued; /* place + 1 */
};

void handles_init(struct handles *h, struct mem *mem);
void handles_free(struct handles *h);
/* A new handle for `object`; zero without memory. */
umptcp_sock handle_new(struct handles *h, enum handle_kind kind, void *object);
/* Its object when it is of that kind, else NULL. */
void *handle_get(const struct handles *h, umptcp_sock sock, enum handle_kind kind);
/* HANDLE_FREE: it names nothing (any more). */
enum handle_kind handle_kind_of(const struct handles *h, umptcp_sock sock);
void handle_delete(struct handles *h, umptcp_sock sock);
/* The socket has something to tell. */
void handle_queue(struct handles *h, umptcp_sock sock);
/* The first of those, still queued; zero when there is none. */
umptcp_sock handle_queued(struct handles *h);
/* It has told everything. */
void handle_unqueue(struct handles *h);
/* Calls for each place by index: its kind, and the handle and object of one that is in use. HANDLE_FREE past the end
 * too. */
enum handle_kind handle_at(const struct handles *h, uint32_t i, umptcp_sock *sock, void **object);

#endif
