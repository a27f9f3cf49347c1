/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared by the files of the host.
 *
 *   host.c         life, time, packets
 *   host_file.c    descriptors, pipes, files, splice
 *   host_socket.c  a socket's life
 *   host_io.c      sending and receiving
 *   host_fastopen.c  TCP Fast Open
 *   host_poll.c    readiness: poll and epoll
 *   host_option.c  socket options
 *   host_errqueue.c  the error queue
 *   host_info.c    TCP_INFO, MPTCP_INFO and their like
 */
#ifndef UMPTCP_SCRIPT_HOST_INTERNAL_H
#define UMPTCP_SCRIPT_HOST_INTERNAL_H

#include <errno.h>
#include <string.h>

#include "script/host.h"
#include "script/print.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

enum { HOST_FDS_MAX = 4096, PIPE_SIZE = 65536, HOST_OPTIONS_MAX = 128, CONGESTION_MAX = 16 };

/* ---- Sockets ----------------------------------------------------------------------------------------------------- */

/* Where connect() stands, as Linux's struct socket has it beside the state of TCP. */
enum sock_phase { SOCK_UNCONNECTED, SOCK_CONNECTING, SOCK_CONNECTED };
/* A send whose bytes' fate the error queue is to tell. */
struct sent_note {
    struct sent_note *next;
    uint32_t id;     /* of its mark in the stream */
    uint32_t stamps; /* SOF_TIMESTAMPING_* of the moment */
    uint32_t key, zerocopy_id;
    bool zerocopy;
};

/* In the error queue. */
struct err_note {
    struct err_note *next;
    uint8_t origin, code;
    uint32_t info, data;
    utime at;
    bool timed; /* `at` is told */
    bool cut;   /* Linux gives the packet along, and there was no room for it */
};

enum sock_shut { SHUT_RECEIVE = 1, SHUT_SEND = 2, SHUT_BOTH = 3 };

struct sock {
    struct sock *next; /* host.socks */
    int domain, protocol;
    bool mptcp;
    bool listening;
    uint8_t phase;    /* enum sock_phase */
    uint8_t shut;     /* enum sock_shut */
    bool closed;      /* the stack said that it is over */
    int error;        /* sk_err: reported once */
    umptcp_sock sock; /* 0: neither connected nor listening */
    bool bound;
    bool port_given; /* bind() named the port: it survives a disconnect */
    struct umptcp_sockaddr local;
    bool more; /* the last send had MSG_MORE */
    utime up;  /* when the connection was */
    struct linger linger;
    dur rcvtimeo, sndtimeo; /* UINT64_MAX: none */
    int rcvlowat;
    uint32_t notsent_lowat;
    bool defer; /* TCP_FASTOPEN_CONNECT: connect() left the SYN to the first send, */
    struct umptcp_sockaddr defer_to;
    uint8_t fastopen_key[UMPTCP_FASTOPEN_KEYS][UMPTCP_FASTOPEN_KEY_LEN];
    int fastopen_keys;
    bool nospace; /* a send found no room, by our own count; nobody was told yet that there is some again */
    int64_t option[HOST_OPTIONS_MAX];
    bool option_set[HOST_OPTIONS_MAX];
    struct sent_note *sent;
    struct err_note *errors;
    uint32_t sent_next, zerocopy_next;
    uint32_t stamps_base; /* bytes are counted from here on (SOF_TIMESTAMPING_OPT_ID) */
    char congestion[CONGESTION_MAX];
};

/* ---- Descriptors ------------------------------------------------------------------------------------------------- */

struct pipe { /* both of its ends name it */
    uint8_t *bytes;
    size_t start, len;
    bool reader, writer; /* ends that are open */
};

struct watch {
    struct watch *next;
    int fd;
    uint64_t serial; /* of the file: a number that was given again is another one */
    uint32_t events;
    epoll_data_t data;
    bool pending; /* something happened since it was reported (EPOLLET) */
    bool off;     /* EPOLLONESHOT was reported */
};

struct epoll {
    struct epoll *next; /* host.epolls */
    struct watch *watches;
};

enum file_kind { FILE_NONE, FILE_SOCKET, FILE_EPOLL, FILE_PIPE_READ, FILE_PIPE_WRITE, FILE_DISK };

struct file {
    enum file_kind kind;
    uint64_t serial;
    int flags;    /* O_* as F_GETFL shows them */
    int fd_flags; /* FD_CLOEXEC */
    union {
        struct sock *sock;
        struct epoll *epoll;
        struct pipe *pipe;
        int disk; /* of the process */
    };
};

struct queued {
    struct queued *next;
    utime time;
    uint32_t len;
    uint16_t gso_size;
    uint8_t data[];
};

struct host {
    struct umptcp *stack;
    struct umptcp_config config;
    int netif;
    utime now;
    struct host_job *job;
    struct host_options options;
    struct queued *first, **tail, *lent;
    struct file *files;
    int nfiles;
    uint64_t serial;
    struct sock *socks;
    struct epoll *epolls;
    uint32_t notsent_lowat; /* of sockets to come */
    struct text heard;      /* path events, while pm_nl_ctl listens */
    uint16_t mtu;
};

static inline int fail(int error) {
    errno = error;
    return -1;
}

/* What a send is given. */
struct sending {
    const struct iovec *iov;
    int n;
    int flags;
    bool wait;                 /* may block */
    const struct sockaddr *to; /* NULL: none was named */
    socklen_t to_len;
};

/* ---- Waiting (host.c) -------------------------------------------------------------------------------------------- */

/*
 * The call would block, for at most `timeout` since the job began (UINT64_MAX: for ever). True: it is to return and
 * will be tried again; false: its time is up, or nobody waits for it.
 */
bool host_wait(struct host *h, dur timeout);

/* ---- Descriptors (host_file.c) ----------------------------------------------------------------------------------- */

/* A new descriptor, or -1 with errno; `*file` is to be filled in. */
int file_new(struct host *h, enum file_kind kind, int flags, struct file **file);
/* NULL with EBADF. */
struct file *file_of(struct host *h, int fd);
/* The socket of a descriptor; NULL with EBADF or ENOTSOCK. */
struct sock *sock_of(struct host *h, int fd, struct file **file);
void files_free(struct host *h);
/* Descriptors of this socket heard of a change; `key`: EPOLL* bits that it is about, 0: all. */
void file_wake(struct host *h, const struct file *f, uint32_t key);

ssize_t pipe_read(struct host *h, struct file *f, const struct iovec *iov, int n);
ssize_t pipe_write(struct host *h, struct file *f, const struct iovec *iov, int n);

/* ---- Sockets (host_socket.c) ------------------------------------------------------------------------------------- */

/* What the stack says about it; CLOSED when it knows nothing. */
enum umptcp_tcp_state sock_state(struct host *h, const struct sock *s);
/* 0, or the errno of an address that a socket of this domain cannot take. */
int sock_address(const struct sock *s, const struct sockaddr *addr, socklen_t len, struct umptcp_sockaddr *out);
/*
 * Opens a connection; the bytes of `with` (NULL: an ordinary connect()) go on the SYN as far as there is room, the rest
 * stays with the caller: `*done`. 0 or the errno.
 */
int sock_connect(struct host *h, struct sock *s, const struct umptcp_sockaddr *remote, const struct sending *with,
                 size_t *done);
/* What the stack is asked for. */
struct umptcp_connect sock_way(const struct sock *s, const struct umptcp_sockaddr *remote);
/* Waits for a connection that is being opened: 0, or -1 with errno, which is `waiting` when it would have to. */
int sock_connected(struct host *h, struct sock *s, bool wait, int waiting);
bool sock_info(struct host *h, const struct sock *s, struct umptcp_info *info);
/* sk_err, once. */
int sock_take_error(struct sock *s);
void sock_event(struct host *h, const struct umptcp_event *ev);
/* Its close() has to wait until all that was sent is acknowledged, or its time is over (SO_LINGER); begins the end. */
bool sock_lingers(struct host *h, struct sock *s);
void sock_release(struct host *h, struct sock *s);
/* Readiness of this kind changed: whoever watches is told. */
void sock_wake(struct host *h, const struct sock *s, uint32_t key);
bool sockaddr_read(const struct sockaddr *addr, socklen_t len, struct umptcp_sockaddr *out);
void sockaddr_write(int domain, const struct umptcp_sockaddr *in, struct sockaddr *addr, socklen_t *len);

/* ---- Readiness (host_poll.c) ------------------------------------------------------------------------------------- */

uint32_t file_mask(struct host *h, const struct file *f);
/* Linux would wake those who wait to write. */
bool sock_writable(const struct sock *s, const struct umptcp_info *info);
void epoll_free(struct host *h, struct epoll *e);
/* A descriptor is gone. */
void epolls_forget(struct host *h, int fd);

/* ---- The error queue (host_errqueue.c) --------------------------------------------------------------------------- */

/* Bytes went in by a send with these flags; before they leave. */
void sock_note_sent(struct host *h, struct sock *s, int flags);
/* UMPTCP_EV_NOTICE. */
void sock_notices(struct host *h, struct sock *s);
/* Nothing more will become of what was sent. */
void sock_sent_end(struct host *h, struct sock *s);
void sock_errors_free(struct sock *s);
/* MSG_ERRQUEUE; `msg` NULL: nobody looks. 0, or -1 with EAGAIN. */
ssize_t sock_read_error(struct sock *s, struct msghdr *msg);
/* Where SOF_TIMESTAMPING_OPT_ID counts from when it is set now, or -EINVAL. */
int64_t sock_stamps_base(struct host *h, const struct sock *s, int64_t flags);

/* ---- Options (host_option.c, host_info.c) ------------------------------------------------------------------------ */

void options_init(struct host *h, struct sock *s);
/* The stack has it now (connection or listener): what was set before counts. */
void options_apply(struct host *h, struct sock *s);
bool sock_option(const struct sock *s, int level, int name);
int64_t sock_option_value(const struct sock *s, int level, int name);
/* SO_SNDBUF was set, and so how much goes in is decided here: bytes; 0: the stack decides. */
uint32_t sock_sndbuf(const struct sock *s);
/* The stack learns what is held back: by TCP_CORK, and by MSG_MORE of the last send. */
void sock_corked(struct host *h, struct sock *s);
/* A congestion control that the stack has. */
bool host_has_congestion(struct host *h, const char *name);
/* A short value of SOL_TCP, SOL_SOCKET or SOL_MPTCP that is a structure; -ENOPROTOOPT: it is none. Else its size. */
int info_get(struct host *h, struct sock *s, int level, int name, void *value, size_t room);

/* ---- Fast Open (host_fastopen.c) ----------------------------------------------------------------------------------
 */

/* Options and calls ask here what Linux would: 0 or the errno. */
int sock_fastopen_set(struct host *h, struct sock *s, int name, int64_t v);
int sock_fastopen_set_key(struct host *h, struct sock *s, const void *value, socklen_t len);
/* Bytes of the keys that count, into `to`, which has room for all. */
size_t sock_fastopen_get_key(struct host *h, const struct sock *s, uint8_t *to);
/* The keys go to the listener that the socket has become. */
void sock_fastopen_listen(struct host *h, const struct sock *s);
/* Bytes that the SYN would take. */
uint32_t sock_fastopen_room(struct host *h, const struct sock *s, const struct umptcp_connect *way);
/* connect() leaves the SYN to the first send. */
bool sock_fastopen_defers(struct host *h, struct sock *s, const struct umptcp_sockaddr *remote);
/*
 * A send that opens the connection: MSG_FASTOPEN, or the first one after such a connect(). 0: it is open, and `*done`
 * bytes went with the SYN. -1: errno; EINPROGRESS with bytes done is a success.
 */
int sock_fastopen_send(struct host *h, struct sock *s, const struct sending *send, size_t *done);

/* ---- The calls --------------------------------------------------------------------------------------------------- */

int host_socket(void *ctx, int domain, int type, int protocol);
int host_bind(void *ctx, int fd, const struct sockaddr *addr, socklen_t len);
int host_listen(void *ctx, int fd, int backlog);
int host_accept(void *ctx, int fd, struct sockaddr *addr, socklen_t *len);
int host_connect(void *ctx, int fd, const struct sockaddr *addr, socklen_t len);
int host_shutdown(void *ctx, int fd, int how);
int host_close_fd(void *ctx, int fd);
ssize_t host_read(void *ctx, int fd, void *buf, size_t len);
ssize_t host_readv(void *ctx, int fd, const struct iovec *iov, int n);
ssize_t host_recv(void *ctx, int fd, void *buf, size_t len, int flags);
ssize_t host_recvfrom(void *ctx, int fd, void *buf, size_t len, int flags, struct sockaddr *from, socklen_t *from_len);
ssize_t host_recvmsg(void *ctx, int fd, struct msghdr *msg, int flags);
ssize_t host_write(void *ctx, int fd, const void *buf, size_t len);
ssize_t host_writev(void *ctx, int fd, const struct iovec *iov, int n);
ssize_t host_send(void *ctx, int fd, const void *buf, size_t len, int flags);
ssize_t host_sendto(void *ctx, int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                    socklen_t to_len);
ssize_t host_sendmsg(void *ctx, int fd, const struct msghdr *msg, int flags);
int host_fcntl(void *ctx, int fd, int cmd, long arg);
int host_ioctl(void *ctx, int fd, unsigned long request, int *arg);
int host_getsockopt(void *ctx, int fd, int level, int name, void *value, socklen_t *len);
int host_setsockopt(void *ctx, int fd, int level, int name, const void *value, socklen_t len);
int host_poll(void *ctx, struct pollfd *fds, nfds_t n, int timeout_ms);
int host_epoll_create(void *ctx, int size);
int host_epoll_ctl(void *ctx, int epfd, int op, int fd, struct epoll_event *event);
int host_epoll_wait(void *ctx, int epfd, struct epoll_event *events, int max, int timeout_ms);
int host_clock_gettime(void *ctx, int clock, struct timespec *now);
int host_pipe(void *ctx, int fds[2]);
ssize_t host_splice(void *ctx, int in, int64_t *off_in, int out, int64_t *off_out, size_t len, unsigned flags);
int host_open_file(void *ctx, const char *path, int flags);
ssize_t host_sendfile(void *ctx, int out, int in, off_t *offset, size_t len);

/* Bytes of a socket, for splice and sendfile too. */
ssize_t sock_send(struct host *h, struct sock *s, const struct sending *send);
ssize_t sock_receive(struct host *h, struct sock *s, const struct iovec *iov, int n, int flags, bool wait);
size_t iov_total(const struct iovec *iov, int n);
/* Gives the stack what there is to send, at most `room` bytes, and says how many. */
size_t sock_fill(struct host *h, struct sock *s, const struct sending *send, size_t room);
/* Tells those who wait for room that there is some again. */
void sock_offer_room(struct host *h, struct sock *s);
/* Bytes that can be read now. */
size_t sock_readable(struct host *h, const struct sock *s);

#endif
