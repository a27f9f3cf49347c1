/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters under Linux's names (MPTcpExt*, Tcp*, TcpExt*, Ip*), declared once, and one per drop reason. */
#ifndef UMPTCP_BASE_MIB_H
#define UMPTCP_BASE_MIB_H

#include "base/drop.h"
#include <stdint.h>

/* X(ENUM, Linux name) */
#define MIB_LIST(X)                                                                                                    \
    X(IP_IN, IpInReceives)                                                                                             \
    X(IP_OUT, IpOutRequests)                                                                                           \
    X(IP_REASM_OK, IpReasmOKs)                                                                                         \
    X(ICMP_IN, IcmpInMsgs)                                                                                             \
    X(ICMP_OUT_ECHO_REPS, IcmpOutEchoReps)                                                                             \
    X(TCP_ACTIVE_OPENS, TcpActiveOpens)                                                                                \
    X(TCP_PASSIVE_OPENS, TcpPassiveOpens)                                                                              \
    X(TCP_ATTEMPT_FAILS, TcpAttemptFails)                                                                              \
    X(TCP_ESTAB_RESETS, TcpEstabResets)                                                                                \
    X(TCP_CURR_ESTAB, TcpCurrEstab)                                                                                    \
    X(TCP_IN_SEGS, TcpInSegs)                                                                                          \
    X(TCP_OUT_SEGS, TcpOutSegs)                                                                                        \
    X(TCP_RETRANS_SEGS, TcpRetransSegs)                                                                                \
    X(TCP_IN_ERRS, TcpInErrs)                                                                                          \
    X(TCP_OUT_RSTS, TcpOutRsts)                                                                                        \
    X(TCP_LISTEN_OVERFLOWS, TcpExtListenOverflows)                                                                     \
    X(TCP_LISTEN_DROPS, TcpExtListenDrops)                                                                             \
    X(TCP_REQQ_COOKIES, TcpExtTCPReqQFullDoCookies)                                                                    \
    X(TCP_REQQ_DROP, TcpExtTCPReqQFullDrop)                                                                            \
    X(TCP_COOKIES_SENT, TcpExtSyncookiesSent)                                                                          \
    X(TCP_COOKIES_RECV, TcpExtSyncookiesRecv)                                                                          \
    X(TCP_COOKIES_FAILED, TcpExtSyncookiesFailed)                                                                      \
    X(TCP_EMBRYONIC_RSTS, TcpExtEmbryonicRsts)                                                                         \
    X(TCP_DELAYED_ACKS, TcpExtDelayedACKs)                                                                             \
    X(TCP_SACK_RECOVERY, TcpExtTCPSackRecovery)                                                                        \
    X(TCP_RENO_RECOVERY, TcpExtTCPRenoRecovery)                                                                        \
    X(TCP_LOSS_PROBES, TcpExtTCPLossProbes)                                                                            \
    X(TCP_LOSS_PROBE_RECOVERY, TcpExtTCPLossProbeRecovery)                                                             \
    X(TCP_LOST_RETRANSMIT, TcpExtTCPLostRetransmit)                                                                    \
    X(TCP_TIMEOUTS, TcpExtTCPTimeouts)                                                                                 \
    X(TCP_SPURIOUS_RTOS, TcpExtTCPSpuriousRTOs)                                                                        \
    X(TCP_DSACK_UNDO, TcpExtTCPDSACKUndo)                                                                              \
    X(TCP_DSACK_OLD_SENT, TcpExtTCPDSACKOldSent)                                                                       \
    X(TCP_DSACK_RECV, TcpExtTCPDSACKRecv)                                                                              \
    X(TCP_SACK_DISCARD, TcpExtTCPSACKDiscard)                                                                          \
    X(TCP_SACK_RENEGING, TcpExtTCPSACKReneging)                                                                        \
    X(TCP_CHALLENGE_ACK, TcpExtTCPChallengeACK)                                                                        \
    X(TCP_KEEPALIVE, TcpExtTCPKeepAlive)                                                                               \
    X(TCP_OFO_QUEUE, TcpExtTCPOFOQueue)                                                                                \
    X(TFO_ACTIVE, TcpExtTCPFastOpenActive)                                                                             \
    X(TFO_ACTIVE_FAIL, TcpExtTCPFastOpenActiveFail)                                                                    \
    X(TFO_PASSIVE, TcpExtTCPFastOpenPassive)                                                                           \
    X(TFO_PASSIVE_FAIL, TcpExtTCPFastOpenPassiveFail)                                                                  \
    X(TFO_LISTEN_OVERFLOW, TcpExtTCPFastOpenListenOverflow)                                                            \
    X(TFO_COOKIE_REQD, TcpExtTCPFastOpenCookieReqd)                                                                    \
    X(TFO_BLACKHOLE, TcpExtTCPFastOpenBlackhole)                                                                       \
    X(TFO_ALT_KEY, TcpExtTCPFastOpenPassiveAltKey)                                                                     \
    X(TCP_ABORT_ON_DATA, TcpExtTCPAbortOnData)                                                                         \
    X(TCP_ABORT_ON_TIMEOUT, TcpExtTCPAbortOnTimeout)                                                                   \
    X(TCP_ZERO_WINDOW_PROBES, TcpExtTCPWinProbe)                                                                       \
    X(MPC_SYN_RX, MPTcpExtMPCapableSYNRX)                                                                              \
    X(MPC_SYN_TX, MPTcpExtMPCapableSYNTX)                                                                              \
    X(MPC_SYNACK_RX, MPTcpExtMPCapableSYNACKRX)                                                                        \
    X(MPC_ACK_RX, MPTcpExtMPCapableACKRX)                                                                              \
    X(MPC_FALLBACK_ACK, MPTcpExtMPCapableFallbackACK)                                                                  \
    X(MPC_FALLBACK_SYNACK, MPTcpExtMPCapableFallbackSYNACK)                                                            \
    X(MPC_SYN_TX_DROP, MPTcpExtMPCapableSYNTXDrop)                                                                     \
    X(MPC_SYN_TX_DISABLED, MPTcpExtMPCapableSYNTXDisabled)                                                             \
    X(MPC_ENDP_ATTEMPT, MPTcpExtMPCapableEndpAttempt)                                                                  \
    X(MP_FALLBACK_TOKEN, MPTcpExtMPFallbackTokenInit)                                                                  \
    X(MPTCP_RETRANS, MPTcpExtMPTCPRetrans)                                                                             \
    X(MPJ_NO_TOKEN, MPTcpExtMPJoinNoTokenFound)                                                                        \
    X(MPJ_SYN_RX, MPTcpExtMPJoinSynRx)                                                                                 \
    X(MPJ_SYN_BACKUP_RX, MPTcpExtMPJoinSynBackupRx)                                                                    \
    X(MPJ_SYNACK_RX, MPTcpExtMPJoinSynAckRx)                                                                           \
    X(MPJ_SYNACK_BACKUP_RX, MPTcpExtMPJoinSynAckBackupRx)                                                              \
    X(MPJ_SYNACK_HMAC, MPTcpExtMPJoinSynAckHMacFailure)                                                                \
    X(MPJ_ACK_RX, MPTcpExtMPJoinAckRx)                                                                                 \
    X(MPJ_ACK_HMAC, MPTcpExtMPJoinAckHMacFailure)                                                                      \
    X(MPJ_REJECTED, MPTcpExtMPJoinRejected)                                                                            \
    X(MPJ_SYN_TX, MPTcpExtMPJoinSynTx)                                                                                 \
    X(MPJ_SYN_TX_CREAT_ERR, MPTcpExtMPJoinSynTxCreatSkErr)                                                             \
    X(MPJ_SYN_TX_BIND_ERR, MPTcpExtMPJoinSynTxBindErr)                                                                 \
    X(MPJ_SYN_TX_CONNECT_ERR, MPTcpExtMPJoinSynTxConnectErr)                                                           \
    X(DSS_NOT_MATCHING, MPTcpExtDSSNotMatching)                                                                        \
    X(DSS_CORRUPTION_FALLBACK, MPTcpExtDSSCorruptionFallback)                                                          \
    X(DSS_CORRUPTION_RESET, MPTcpExtDSSCorruptionReset)                                                                \
    X(INFINITE_MAP_TX, MPTcpExtInfiniteMapTx)                                                                          \
    X(INFINITE_MAP_RX, MPTcpExtInfiniteMapRx)                                                                          \
    X(DSS_NO_MATCH_TCP, MPTcpExtDSSNoMatchTCP)                                                                         \
    X(DATA_CSUM_ERR, MPTcpExtDataCsumErr)                                                                              \
    X(OFO_QUEUE_TAIL, MPTcpExtOFOQueueTail)                                                                            \
    X(OFO_QUEUE, MPTcpExtOFOQueue)                                                                                     \
    X(OFO_MERGE, MPTcpExtOFOMerge)                                                                                     \
    X(NO_DSS_IN_WINDOW, MPTcpExtNoDSSInWindow)                                                                         \
    X(DUPLICATE_DATA, MPTcpExtDuplicateData)                                                                           \
    X(ADD_ADDR, MPTcpExtAddAddr)                                                                                       \
    X(ADD_ADDR_TX, MPTcpExtAddAddrTx)                                                                                  \
    X(ADD_ADDR_TX_DROP, MPTcpExtAddAddrTxDrop)                                                                         \
    X(ECHO_ADD, MPTcpExtEchoAdd)                                                                                       \
    X(ECHO_ADD_TX, MPTcpExtEchoAddTx)                                                                                  \
    X(ECHO_ADD_TX_DROP, MPTcpExtEchoAddTxDrop)                                                                         \
    X(PORT_ADD, MPTcpExtPortAdd)                                                                                       \
    X(ADD_ADDR_DROP, MPTcpExtAddAddrDrop)                                                                              \
    X(MPJ_PORT_SYN_RX, MPTcpExtMPJoinPortSynRx)                                                                        \
    X(MPJ_PORT_SYNACK_RX, MPTcpExtMPJoinPortSynAckRx)                                                                  \
    X(MPJ_PORT_ACK_RX, MPTcpExtMPJoinPortAckRx)                                                                        \
    X(MISMATCH_PORT_SYN_RX, MPTcpExtMismatchPortSynRx)                                                                 \
    X(MISMATCH_PORT_ACK_RX, MPTcpExtMismatchPortAckRx)                                                                 \
    X(RM_ADDR, MPTcpExtRmAddr)                                                                                         \
    X(RM_ADDR_DROP, MPTcpExtRmAddrDrop)                                                                                \
    X(RM_ADDR_TX, MPTcpExtRmAddrTx)                                                                                    \
    X(RM_ADDR_TX_DROP, MPTcpExtRmAddrTxDrop)                                                                           \
    X(RM_SUBFLOW, MPTcpExtRmSubflow)                                                                                   \
    X(MP_PRIO_TX, MPTcpExtMPPrioTx)                                                                                    \
    X(MP_PRIO_RX, MPTcpExtMPPrioRx)                                                                                    \
    X(MP_FAIL_TX, MPTcpExtMPFailTx)                                                                                    \
    X(MP_FAIL_RX, MPTcpExtMPFailRx)                                                                                    \
    X(MP_FASTCLOSE_TX, MPTcpExtMPFastcloseTx)                                                                          \
    X(MP_FASTCLOSE_RX, MPTcpExtMPFastcloseRx)                                                                          \
    X(MP_RST_TX, MPTcpExtMPRstTx)                                                                                      \
    X(MP_RST_RX, MPTcpExtMPRstRx)                                                                                      \
    X(SUBFLOW_STALE, MPTcpExtSubflowStale)                                                                             \
    X(SUBFLOW_RECOVER, MPTcpExtSubflowRecover)                                                                         \
    X(SND_WND_SHARED, MPTcpExtSndWndShared)                                                                            \
    X(RCV_WND_SHARED, MPTcpExtRcvWndShared)                                                                            \
    X(RCV_WND_CONFLICT_UPDATE, MPTcpExtRcvWndConflictUpdate)                                                           \
    X(RCV_WND_CONFLICT, MPTcpExtRcvWndConflict)                                                                        \
    X(MP_CURR_ESTAB, MPTcpExtMPCurrEstab)                                                                              \
    X(BLACKHOLE, MPTcpExtBlackhole)                                                                                    \
    X(MPC_DATA_FALLBACK, MPTcpExtMPCapableDataFallback)                                                                \
    X(MD5_SIG_FALLBACK, MPTcpExtMD5SigFallback)                                                                        \
    X(DSS_FALLBACK, MPTcpExtDssFallback)                                                                               \
    X(SIMULT_CONNECT_FALLBACK, MPTcpExtSimultConnectFallback)                                                          \
    X(FALLBACK_FAILED, MPTcpExtFallbackFailed)                                                                         \
    X(WIN_PROBE, MPTcpExtWinProbe)                                                                                     \
    X(UMPTCP_EVENTS_LOST, UmptcpEventsLost)                                                                            \
    X(UMPTCP_PROBES, UmptcpPathProbes)                                                                                 \
    X(UMPTCP_REJOINS, UmptcpRejoins)

enum mib {
#define X(e, n) MIB_##e,
    MIB_LIST(X)
#undef X
        MIB_COUNT
};

struct mib_table {
    uint64_t v[MIB_COUNT];
    uint64_t drops[DROP_COUNT];
};

static inline void mib_add(struct mib_table *t, enum mib m, uint64_t n) { t->v[m] += n; }
static inline void mib_inc(struct mib_table *t, enum mib m) { t->v[m]++; }
static inline void mib_dec(struct mib_table *t, enum mib m) { t->v[m]--; }

/* Names and values by index over both lists: Linux's first, then "UmptcpDrop<Name>". NULL past the end. */
const char *mib_entry(const struct mib_table *t, unsigned index, uint64_t *value);

#endif
