/* SPDX-License-Identifier: BSD-3-Clause */
/* Stateless answers. */
#include "stack/reply.h"

#include <assert.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/icmp.h"

enum { REPLY_TTL = 64, ICMP_CSUM_OFFSET = 2 };

struct reply {
    int netif;
    bool v6;
    uint8_t hdr_len; /* goes into umptcp_out.hdr */
    uint8_t csum_offset;
    uint32_t len;
    uint8_t *packet;
};

void replies_init(struct replies *r, struct env *env) {
    *r = (struct replies){.env = env, .echo_tokens = ECHO_BURST, .echo_at = env->now};
    deque_init(&r->queue, sizeof(struct reply));
}

void replies_release(struct replies *r) {
    mem_free(&r->env->mem, r->sent, r->sent_len);
    r->sent = NULL;
    r->sent_len = 0;
}

void replies_free(struct replies *r) {
    for (uint32_t i = 0; i < r->queue.count; i++) {
        struct reply *reply = deque_at(&r->queue, i);
        mem_free(&r->env->mem, reply->packet, reply->len);
    }
    deque_free(&r->queue, &r->env->mem);
    replies_release(r);
}

/* A record for a packet of `len` bytes, its memory included; NULL when it does not fit. */
static struct reply *append(struct replies *r, uint32_t len, bool v6) {
    struct mem *mem = &r->env->mem;
    const bool full = r->queue.count == REPLIES_MAX || r->bytes + len > REPLY_BYTES_MAX;
    uint8_t *packet = full ? NULL : mem_alloc(mem, len);
    struct reply *reply = packet ? deque_push(&r->queue, mem) : NULL;
    if (!reply) {
        mem_free(mem, packet, len);
        mib_inc(&r->env->mib, mib_ip(v6, MIB_IP_OUT_DISCARDS));
        return NULL;
    }
    reply->packet = packet;
    reply->len = len;
    r->bytes += len;
    return reply;
}

/* The header of an answer to a packet that went from `src` to `dst`. */
static struct ip_hdr answer_header(const struct umptcp_addr *src, const struct umptcp_addr *dst, uint8_t proto) {
    return (struct ip_hdr){
        .v6 = !addr_is_v4(src), .proto = proto, .ttl = REPLY_TTL, .src = *dst, .dst = *src, .dont_fragment = true};
}

/* RFC 9293 3.10.7.1: in the sequence space of the segment, so that its sender believes it. */
static struct seg rst_of(const struct seg *seg, const enum mp_rst_reason *reason) {
    struct seg rst = {.flow = seg->flow, .flags = TCP_RST};
    if (seg->flags & TCP_ACK) {
        rst.seq = seg->ack;
    } else {
        rst.flags |= TCP_ACK;
        rst.ack.v = seg->seq.v + seg_space(seg);
    }
    if (reason)
        mpopts_add(&rst.mp, MP_TCPRST)->rst.reason = (uint8_t)*reason;
    return rst;
}

void reply_rst(struct replies *r, int netif, const struct seg *seg, const enum mp_rst_reason *reason) {
    if (seg->flags & TCP_RST)
        return;
    const struct seg rst = rst_of(seg, reason);
    const struct ip_hdr ip = answer_header(&seg->flow.remote.addr, &seg->flow.local.addr, IP_PROTO_TCP);
    const uint32_t tcp_len = TCP_HDR_LEN + tcp_options_len(&rst), ip_len = ip_hdr_len(ip.v6);
    struct reply *reply = append(r, ip_len + tcp_len, ip.v6);
    if (!reply)
        return;
    struct writer w = writer_of(reply->packet, reply->len);
    ip_build(&w, &ip, tcp_len);
    tcp_build(&w, &rst);
    assert(!w.bad && w.len == reply->len && w.len <= UMPTCP_HDR_MAX);
    struct csum sum = {0};
    csum_add_pseudo(&sum, &ip.src, &ip.dst, IP_PROTO_TCP, tcp_len);
    csum_add(&sum, reply->packet + ip_len, tcp_len);
    store_be16(reply->packet + ip_len + TCP_CSUM_OFFSET, csum_finish(&sum));
    reply->netif = netif;
    reply->v6 = ip.v6;
    reply->hdr_len = (uint8_t)w.len;
    reply->csum_offset = TCP_CSUM_OFFSET;
    mib_inc(&r->env->mib, MIB_TCP_OUT_SEGS);
    mib_inc(&r->env->mib, MIB_TCP_OUT_RSTS); /* as on Linux, MPRstTx is of subflows that there are */
}

void reply_packet(struct replies *r, const struct umptcp_out *packet) {
    assert(packet->len == packet->hdr_len && !packet->csum_partial);
    struct reply *reply = append(r, packet->len, packet->v6);
    if (!reply)
        return;
    memcpy(reply->packet, packet->hdr, packet->len);
    reply->netif = packet->netif;
    reply->v6 = packet->v6;
    reply->hdr_len = (uint8_t)packet->hdr_len;
    reply->csum_offset = (uint8_t)packet->csum_offset;
}

/* A bucket of tokens that fills with time. */
static bool take_echo_token(struct replies *r) {
    dur passed = time_since(r->env->now, r->echo_at), per_token = SEC(1) / ECHO_PER_SECOND;
    uint64_t earned = passed / per_token;
    if (earned) {
        r->echo_tokens = (uint32_t)(earned + r->echo_tokens < ECHO_BURST ? earned + r->echo_tokens : ECHO_BURST);
        r->echo_at = time_add(r->echo_at, earned * per_token);
    }
    if (!r->echo_tokens)
        return false;
    r->echo_tokens--;
    return true;
}

enum drop reply_echo(struct replies *r, int netif, uint32_t mtu, const struct ip_hdr *request) {
    const struct ip_hdr ip = answer_header(&request->src, &request->dst, request->proto);
    const uint32_t ip_len = ip_hdr_len(ip.v6), len = ip_len + request->payload_len;
    if (len > mtu) {
        mib_inc(&r->env->mib, mib_ip(ip.v6, MIB_IP_FRAG_FAILS));
        return DROP_ICMP_RATE;
    }
    if (!take_echo_token(r)) {
        mib_inc(&r->env->mib, MIB_ICMP_OUT_RATE_LIMIT); /* of both families, as Linux has it */
        return DROP_ICMP_RATE;
    }
    struct reply *reply = append(r, len, ip.v6);
    if (!reply)
        return DROP_NO_MEMORY;
    struct writer w = writer_of(reply->packet, len);
    ip_build(&w, &ip, request->payload_len);
    icmp_build_echo_reply(&w, request);
    assert(!w.bad && w.len == len);
    reply->netif = netif;
    reply->v6 = ip.v6;
    reply->hdr_len = (uint8_t)ip_len;
    reply->csum_offset = ICMP_CSUM_OFFSET;
    mib_inc(&r->env->mib, ip.v6 ? MIB_ICMP6_OUT_MSGS : MIB_ICMP_OUT_MSGS);
    mib_inc(&r->env->mib, ip.v6 ? MIB_ICMP6_OUT_ECHO_REPS : MIB_ICMP_OUT_ECHO_REPS);
    return DROP_NONE;
}

bool replies_output(struct replies *r, struct umptcp_out *out) {
    replies_release(r);
    if (!r->queue.count)
        return false;
    const struct reply reply = *(const struct reply *)deque_front(&r->queue);
    deque_pop_front(&r->queue, &r->env->mem);
    r->bytes -= reply.len;
    r->sent = reply.packet;
    r->sent_len = reply.len;
    out->netif = reply.netif;
    out->v6 = reply.v6;
    out->len = reply.len;
    out->hdr_len = reply.hdr_len;
    out->gso_size = 0;
    out->csum_partial = false;
    out->csum_start = (uint16_t)ip_hdr_len(reply.v6);
    out->csum_offset = reply.csum_offset;
    memcpy(out->hdr, reply.packet, reply.hdr_len);
    out->slices[0] = (struct umptcp_slice){out->hdr, reply.hdr_len};
    out->slices[1] = (struct umptcp_slice){reply.packet + reply.hdr_len, reply.len - reply.hdr_len};
    out->nslices = reply.len > reply.hdr_len ? 2 : 1;
    return true;
}

const char *replies_check(const struct replies *r) {
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < r->queue.count; i++)
        bytes += ((const struct reply *)deque_at(&r->queue, i))->len;
    if (bytes != r->bytes || bytes > REPLY_BYTES_MAX || r->queue.count > REPLIES_MAX)
        return "answers take more memory than they account for";
    return NULL;
}
