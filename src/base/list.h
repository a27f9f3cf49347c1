/* SPDX-License-Identifier: BSD-3-Clause */
/* Intrusive doubly linked list. A node that is in no list points at itself. */
#ifndef UMPTCP_BASE_LIST_H
#define UMPTCP_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }
static inline void list_push_back(struct list *l, struct list *n) {
    n->prev = l->prev;
    n->next = l;
    l->prev->next = n;
    l->prev = n;
}
static inline void list_push_front(struct list *l, struct list *n) { list_push_back(l->next, n); }
/* Fine for a node that is in no list. */
static inline void list_remove(struct list *n) {
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}
static inline struct list *list_first(const struct list *l) { return list_empty(l) ? NULL : l->next; }

#define list_for_each(pos, head) for (struct list *pos = (head)->next; pos != (head); pos = pos->next)
/* The current node may be removed. */
#define list_for_each_safe(pos, head)                                                                                  \
    for (struct list *pos = (head)->next, *pos##_next = pos->next; pos != (head);                                      \
         pos = pos##_next, pos##_next = pos->next)

#endif
