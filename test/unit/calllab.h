/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls of scripts on a fake C library: it writes down what it was called with, and answers what a test put there. */
#ifndef UMPTCP_TEST_CALLLAB_H
#define UMPTCP_TEST_CALLLAB_H

#include "script/calls.h"

enum { LAB_EVENTS = 4, LAB_OUT = 4096 };

struct calllab {
    struct arena arena;
    struct settings settings;
    struct calls calls;
    struct posix posix;
    struct call_outcome outcome;
    char error[512];
    char log[2048]; /* what the last line called, in the order of its arguments */
    dur now;        /* of the script */

    /* Answers. */
    int64_t result; /* of calls that make no descriptor; those count from 100 */
    int fail;       /* not 0: -1 with this errno */
    int next_fd;
    struct umptcp_sockaddr peer; /* accept() */
    bool peer_v6;
    uint8_t out[LAB_OUT]; /* getsockopt(): the value; recvmsg(): control messages */
    uint32_t out_len;
    int32_t ioctl_value;
    int msg_flags;
    short revents[LAB_EVENTS];
    struct epoll_event events[LAB_EVENTS];
    struct timespec clock;
    bool clock_fails;
};

/* An address and ports of the family; `3` is a socket of it, `5` an accepted connection, and the log is empty. */
void calllab_open(struct calllab *lab, enum family family);
void calllab_close(struct calllab *lab);
/* Plays a line like `read(3, ..., 10) = 10`; returns the sentence of its error, or "". */
const char *calllab_run(struct calllab *lab, const char *line);
/* The same, for a call that is not from a parser. */
const char *calllab_call(struct calllab *lab, const struct call *call);
/* The line plays without an error and calls this. */
void calllab_calls(struct calllab *lab, const char *line, const char *log);
/* The line fails with this sentence. */
void calllab_fails(struct calllab *lab, const char *line, const char *error);
/* And before the stack was called. */
void calllab_refuses(struct calllab *lab, const char *line, const char *error);
/* Adds a control message to what recvmsg() gives. */
void calllab_control(struct calllab *lab, int level, int type, const void *data, size_t len);
/* What the next getsockopt() gives. */
void calllab_option(struct calllab *lab, const void *data, uint32_t len);

#endif
