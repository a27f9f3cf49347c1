/* SPDX-License-Identifier: BSD-3-Clause */
/* All kinds of elements. */
#include "sim/kinds.h"

#include <stddef.h>

const struct box_kind *const box_kinds[] = {
    &box_strip,      &box_echo,       &box_copy,    &box_shuffle, &box_truncate, &box_readdress, &box_clamp,
    &box_timestamps, &box_window,     &box_ecn,     &box_shift,   &box_guard,    &box_drop_kind, &box_reject,
    &box_delay,      &box_duplicate,  &box_balance, &box_ids,     &box_nat,      &box_firewall,  &box_split,
    &box_coalesce,   &box_contiguous, &box_alg,     &box_flip,    &box_empty,    &box_normalise, &box_pep,
    &box_syn_proxy,  &box_rst,        &box_icmp,    NULL,
};
