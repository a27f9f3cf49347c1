/* SPDX-License-Identifier: BSD-3-Clause */
/* The HTTP server of the virtual world: what server.py is to the kernel's. */
#ifndef DEMO_SERVER_H
#define DEMO_SERVER_H

#include "umptcp.h"

struct server;

/*
 * Listens on SERVER_PORT of every address. GET of a path is the file of that name in `dir`, PUT writes it, and GET
 * /account tells, in lines of a name and a value, the counters of the stack and what each exchange sent twice. Sets *v
 * and returns 0, or a negative errno.
 */
int server_new(struct umptcp *s, const char *dir, struct server **v);
void server_event(struct server *v, const struct umptcp_event *ev, struct umptcp_time now);
void server_free(struct server *v);

#endif
