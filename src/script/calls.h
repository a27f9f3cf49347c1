/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System calls of scripts: from their arguments to the C library's structures, through struct posix, and back to a
 * comparison with what the script expects. Script descriptors are names for live ones.
 */
#ifndef UMPTCP_SCRIPT_CALLS_H
#define UMPTCP_SCRIPT_CALLS_H

#include "script/target.h"

enum { CALL_FDS_MAX = 64 };

struct call_fd {
    int64_t script;
    int live;
    int domain; /* of a socket */
    bool open, mptcp, socket;
    bool ping; /* a socket for ICMP datagrams */
};

/* What calls of one run share. */
struct calls {
    const struct settings *settings;
    struct call_fd fds[CALL_FDS_MAX];
    uint32_t nfds;
    dur (*script_now)(void *ctx); /* for times in control messages */
    void *ctx;
};

/* What a call did, for the runner to know which connection is meant. All but the result and what follows from it stands
 * there before the C function is called, so also while it blocks. */
struct call_outcome {
    int64_t result;              /* of the C function */
    int error;                   /* errno, when it failed */
    int script_fd, live_fd;      /* of its first argument; -1: none */
    int new_fd;                  /* accept, socket: the live descriptor it gave; -1: none */
    int domain, type, protocol;  /* socket() */
    struct umptcp_sockaddr peer; /* accept(): who it is; connect(), sendto(), sendmsg(): whereto */
    bool has_peer;
    bool connects;   /* connect(), or a send that opens the connection (MSG_FASTOPEN), unless it failed at once */
    bool unconnects; /* connect() with AF_UNSPEC */
};

/* True when there is such a call; `min` and `max` say how many arguments it takes. For the parser. */
bool call_known(const char *name, uint32_t *min, uint32_t *max);
/*
 * Makes the call once and compares. Returns 0 when everything was as expected, else -EINVAL with a sentence in `error`
 * (what was expected, what came). Repeatable as struct job has it: a call that would block leaves no trace in `calls`.
 */
int call_run(struct calls *calls, const struct call *call, const struct posix *posix, struct call_outcome *outcome,
             char *error, size_t size);
/* The live descriptor of a script's; -1 when there is none. */
int calls_live_fd(const struct calls *calls, int64_t script_fd);
/* Closes what the script left open. */
void calls_close_all(struct calls *calls, const struct posix *posix);

#endif
