/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of handles. */
#include "stack/handle.h"

#include <assert.h>

enum { CAPACITY_MIN = 8 };

void handles_init(struct handles *h, struct mem *mem) { *h = (struct handles){.mem = mem}; }

void handles_free(struct handles *h) {
    mem_free(h->mem, h->slots, h->capacity * sizeof *h->slots);
    handles_init(h, h->mem);
}

static umptcp_sock sock_of(const struct handles *h, uint32_t i) {
    return (umptcp_sock){(uint64_t)h->slots[i].generation << 32 | (i + 1)};
}

static struct handle_slot *slot_of(const struct handles *h, umptcp_sock sock) {
    uint32_t place = (uint32_t)sock.v;
    if (place == 0 || place > h->capacity)
        return NULL;
    struct handle_slot *s = &h->slots[place - 1];
    return s->kind != HANDLE_FREE && s->generation == sock.v >> 32 ? s : NULL;
}

static bool grow(struct handles *h) {
    uint32_t capacity = h->capacity ? h->capacity * 2 : CAPACITY_MIN;
    if (capacity < h->capacity)
        return false;
    struct handle_slot *slots = mem_realloc(h->mem, h->slots, h->capacity * sizeof *slots, capacity * sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = capacity; i-- > h->capacity;) {
        slots[i] = (struct handle_slot){.next_free = h->first_free};
        h->first_free = i + 1;
    }
    h->slots = slots;
    h->capacity = capacity;
    return true;
}

umptcp_sock handle_new(struct handles *h, enum handle_kind kind, void *object) {
    assert(kind != HANDLE_FREE && object);
    if (!h->first_free && !grow(h))
        return (umptcp_sock){0};
    uint32_t i = h->first_free - 1;
    struct handle_slot *s = &h->slots[i];
    h->first_free = s->next_free;
    s->next_free = 0;
    s->kind = (uint8_t)kind;
    s->object = object;
    h->count++;
    return sock_of(h, i);
}

void *handle_get(const struct handles *h, umptcp_sock sock, enum handle_kind kind) {
    const struct handle_slot *s = slot_of(h, sock);
    return s && s->kind == kind ? s->object : NULL;
}

enum handle_kind handle_kind_of(const struct handles *h, umptcp_sock sock) {
    const struct handle_slot *s = slot_of(h, sock);
    return s ? (enum handle_kind)s->kind : HANDLE_FREE;
}

void handle_delete(struct handles *h, umptcp_sock sock) {
    struct handle_slot *s = slot_of(h, sock);
    assert(s);
    s->kind = HANDLE_FREE;
    s->object = NULL;
    s->generation++;
    s->next_free = h->first_free;
    h->first_free = (uint32_t)sock.v;
    h->count--;
}

void handle_queue(struct handles *h, umptcp_sock sock) {
    struct handle_slot *s = slot_of(h, sock);
    assert(s);
    if (s->queued)
        return;
    uint32_t place = (uint32_t)sock.v;
    s->queued = true;
    s->next_queued = 0;
    if (h->last_queued)
        h->slots[h->last_queued - 1].next_queued = place;
    else
        h->first_queued = place;
    h->last_queued = place;
}

void handle_unqueue(struct handles *h) {
    assert(h->first_queued);
    struct handle_slot *s = &h->slots[h->first_queued - 1];
    h->first_queued = s->next_queued;
    if (!h->first_queued)
        h->last_queued = 0;
    s->next_queued = 0;
    s->queued = false;
}

/* A place that was given up while it waited is passed over; one that has a new owner tells of that one. */
umptcp_sock handle_queued(struct handles *h) {
    while (h->first_queued && h->slots[h->first_queued - 1].kind == HANDLE_FREE)
        handle_unqueue(h);
    return h->first_queued ? sock_of(h, h->first_queued - 1) : (umptcp_sock){0};
}

enum handle_kind handle_at(const struct handles *h, uint32_t i, umptcp_sock *sock, void **object) {
    if (i >= h->capacity || h->slots[i].kind == HANDLE_FREE)
        return HANDLE_FREE;
    *sock = sock_of(h, i);
    *object = h->slots[i].object;
    return (enum handle_kind)h->slots[i].kind;
}
