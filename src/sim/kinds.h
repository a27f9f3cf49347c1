/* SPDX-License-Identifier: BSD-3-Clause */
/* The kinds of elements, by the file that has them. */
#ifndef UMPTCP_SIM_KINDS_H
#define UMPTCP_SIM_KINDS_H

#include "sim/box.h"

/* options.c: TCP options */
extern const struct box_kind box_strip, box_echo, box_copy, box_shuffle, box_truncate, box_readdress, box_clamp,
    box_timestamps;
/* header.c: fields of the headers */
extern const struct box_kind box_window, box_ecn, box_shift, box_guard;
/* fate.c: what becomes of whole packets */
extern const struct box_kind box_drop_kind, box_reject, box_delay, box_duplicate, box_balance, box_ids;
/* nat.c */
extern const struct box_kind box_nat, box_firewall;
/* segments.c: where segments begin and end */
extern const struct box_kind box_split, box_coalesce, box_contiguous;
/* payload.c */
extern const struct box_kind box_alg, box_flip, box_empty, box_normalise;
/* proxy.c */
extern const struct box_kind box_pep, box_syn_proxy;
/* inject.c: packets that nobody sent */
extern const struct box_kind box_rst, box_icmp;

#endif
