/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One MPTCP option: input is TCP flags, whether there is payload, and the option. What is accepted is built, printed
 * and parsed again: the same value, and the same bytes but for reserved bits.
 */
#include <assert.h>
#include <string.h>

#include "wire/mpopt.h"
#include "wire/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size) {
    if (size < 2 || size > 2 + TCP_OPTIONS_MAX)
        return 0;
    uint8_t tcp_flags = in[0], len = (uint8_t)(size - 2);
    bool payload = in[1] & 1;
    struct mpopt first, second;
    if (mpopt_parse(in + 2, len, tcp_flags, payload, &first) != 0)
        return 0;
    uint8_t built[TCP_OPTIONS_MAX];
    struct writer w = writer_of(built, sizeof built);
    mpopt_build(&w, &first);
    assert(!w.bad && w.len == len && mpopt_len(&first) == len);
    assert(memcmp(built, in + 2, 2) == 0 && built[2] >> 4 == in[4] >> 4);
    assert(len <= 4 || memcmp(built + 4, in + 6, len - 4u) == 0);
    assert(mpopt_parse(built, len, tcp_flags, payload, &second) == 0);
    assert(memcmp(&first, &second, sizeof first) == 0);
    char text[256];
    assert(strlen(mpopt_format(&first, text, sizeof text)) < sizeof text - 1);
    return 0;
}
