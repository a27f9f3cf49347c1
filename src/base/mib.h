/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters under Linux's names (MPTcpExt*, Tcp*, TcpExt*, Ip*), declared once, and one per drop reason. */
#ifndef UMPTCP_BASE_MIB_H
#define UMPTCP_BASE_MIB_H

#include "base/drop.h"
#include <stdbool.h>
#include <stdint.h>

/* X(ENUM, Linux name). All that can happen here; what never can (MD5, backlog, busy polling, ...) has no entry. The
 * counters of IPv4 up to IP_REASM_FAILS and those of IPv6 stand in the same order: see mib_ip(). */
#define MIB_LIST(X)                                                                                                    \
    X(IP_IN, IpInReceives)                                                                                             \
    X(IP_IN_OCTETS, IpExtInOctets)                                                                                     \
    X(IP_IN_HDR_ERRORS, IpInHdrErrors)                                                                                 \
    X(IP_IN_ADDR_ERRORS, IpInAddrErrors)                                                                               \
    X(IP_IN_UNKNOWN_PROTOS, IpInUnknownProtos)                                                                         \
    X(IP_IN_TRUNCATED, IpExtInTruncatedPkts)                                                                           \
    X(IP_IN_DELIVERS, IpInDelivers)                                                                                    \
    X(IP_IN_MCAST, IpExtInMcastPkts)                                                                                   \
    X(IP_IN_MCAST_OCTETS, IpExtInMcastOctets)                                                                          \
    X(IP_IN_NO_ECT, IpExtInNoECTPkts)                                                                                  \
    X(IP_IN_ECT1, IpExtInECT1Pkts)                                                                                     \
    X(IP_IN_ECT0, IpExtInECT0Pkts)                                                                                     \
    X(IP_IN_CE, IpExtInCEPkts)                                                                                         \
    X(IP_OUT, IpOutRequests)                                                                                           \
    X(IP_OUT_TRANSMITS, IpOutTransmits)                                                                                \
    X(IP_OUT_OCTETS, IpExtOutOctets)                                                                                   \
    X(IP_OUT_DISCARDS, IpOutDiscards)                                                                                  \
    X(IP_OUT_NO_ROUTES, IpOutNoRoutes)                                                                                 \
    X(IP_FRAG_FAILS, IpFragFails)                                                                                      \
    X(IP_REASM_REQDS, IpReasmReqds)                                                                                    \
    X(IP_REASM_FAILS, IpReasmFails)                                                                                    \
    X(IP6_IN, Ip6InReceives)                                                                                           \
    X(IP6_IN_OCTETS, Ip6InOctets)                                                                                      \
    X(IP6_IN_HDR_ERRORS, Ip6InHdrErrors)                                                                               \
    X(IP6_IN_ADDR_ERRORS, Ip6InAddrErrors)                                                                             \
    X(IP6_IN_UNKNOWN_PROTOS, Ip6InUnknownProtos)                                                                       \
    X(IP6_IN_TRUNCATED, Ip6InTruncatedPkts)                                                                            \
    X(IP6_IN_DELIVERS, Ip6InDelivers)                                                                                  \
    X(IP6_IN_MCAST, Ip6InMcastPkts)                                                                                    \
    X(IP6_IN_MCAST_OCTETS, Ip6InMcastOctets)                                                                           \
    X(IP6_IN_NO_ECT, Ip6InNoECTPkts)                                                                                   \
    X(IP6_IN_ECT1, Ip6InECT1Pkts)                                                                                      \
    X(IP6_IN_ECT0, Ip6InECT0Pkts)                                                                                      \
    X(IP6_IN_CE, Ip6InCEPkts)                                                                                          \
    X(IP6_OUT, Ip6OutRequests)                                                                                         \
    X(IP6_OUT_TRANSMITS, Ip6OutTransmits)                                                                              \
    X(IP6_OUT_OCTETS, Ip6OutOctets)                                                                                    \
    X(IP6_OUT_DISCARDS, Ip6OutDiscards)                                                                                \
    X(IP6_OUT_NO_ROUTES, Ip6OutNoRoutes)                                                                               \
    X(IP6_FRAG_FAILS, Ip6FragFails)                                                                                    \
    X(IP6_REASM_REQDS, Ip6ReasmReqds)                                                                                  \
    X(IP6_REASM_FAILS, Ip6ReasmFails)                                                                                  \
    X(IP_IN_CSUM_ERRORS, IpExtInCsumErrors)                                                                            \
    X(IP_IN_BCAST, IpExtInBcastPkts)                                                                                   \
    X(IP_IN_BCAST_OCTETS, IpExtInBcastOctets)                                                                          \
    X(IP_REASM_OVERLAPS, IpExtReasmOverlaps)                                                                           \
    X(IP_REASM_TIMEOUT, IpReasmTimeout)                                                                                \
    X(IP_REASM_OK, IpReasmOKs)                                                                                         \
    X(IP6_IN_NO_ROUTES, Ip6InNoRoutes)                                                                                 \
    X(ICMP_IN_MSGS, IcmpInMsgs)                                                                                        \
    X(ICMP_IN_ERRORS, IcmpInErrors)                                                                                    \
    X(ICMP_IN_CSUM_ERRORS, IcmpInCsumErrors)                                                                           \
    X(ICMP_IN_DEST_UNREACHS, IcmpInDestUnreachs)                                                                       \
    X(ICMP_IN_TIME_EXCDS, IcmpInTimeExcds)                                                                             \
    X(ICMP_IN_PARM_PROBS, IcmpInParmProbs)                                                                             \
    X(ICMP_IN_SRC_QUENCHS, IcmpInSrcQuenchs)                                                                           \
    X(ICMP_IN_REDIRECTS, IcmpInRedirects)                                                                              \
    X(ICMP_IN_ECHOS, IcmpInEchos)                                                                                      \
    X(ICMP_IN_ECHO_REPS, IcmpInEchoReps)                                                                               \
    X(ICMP_IN_TIMESTAMPS, IcmpInTimestamps)                                                                            \
    X(ICMP_IN_TIMESTAMP_REPS, IcmpInTimestampReps)                                                                     \
    X(ICMP_IN_ADDR_MASKS, IcmpInAddrMasks)                                                                             \
    X(ICMP_IN_ADDR_MASK_REPS, IcmpInAddrMaskReps)                                                                      \
    X(ICMP_OUT_MSGS, IcmpOutMsgs)                                                                                      \
    X(ICMP_OUT_RATE_LIMIT, IcmpOutRateLimitGlobal)                                                                     \
    X(ICMP_OUT_ECHO_REPS, IcmpOutEchoReps)                                                                             \
    X(ICMP6_IN_MSGS, Icmp6InMsgs)                                                                                      \
    X(ICMP6_IN_ERRORS, Icmp6InErrors)                                                                                  \
    X(ICMP6_IN_CSUM_ERRORS, Icmp6InCsumErrors)                                                                         \
    X(ICMP6_IN_DEST_UNREACHS, Icmp6InDestUnreachs)                                                                     \
    X(ICMP6_IN_PKT_TOO_BIGS, Icmp6InPktTooBigs)                                                                        \
    X(ICMP6_IN_TIME_EXCDS, Icmp6InTimeExcds)                                                                           \
    X(ICMP6_IN_PARM_PROBS, Icmp6InParmProblems)                                                                        \
    X(ICMP6_IN_ECHOS, Icmp6InEchos)                                                                                    \
    X(ICMP6_IN_ECHO_REPS, Icmp6InEchoReplies)                                                                          \
    X(ICMP6_IN_GROUP_QUERIES, Icmp6InGroupMembQueries)                                                                 \
    X(ICMP6_IN_GROUP_RESPONSES, Icmp6InGroupMembResponses)                                                             \
    X(ICMP6_IN_GROUP_REDUCTIONS, Icmp6InGroupMembReductions)                                                           \
    X(ICMP6_IN_ROUTER_SOLICITS, Icmp6InRouterSolicits)                                                                 \
    X(ICMP6_IN_ROUTER_ADVERTS, Icmp6InRouterAdvertisements)                                                            \
    X(ICMP6_IN_NEIGH_SOLICITS, Icmp6InNeighborSolicits)                                                                \
    X(ICMP6_IN_NEIGH_ADVERTS, Icmp6InNeighborAdvertisements)                                                           \
    X(ICMP6_IN_REDIRECTS, Icmp6InRedirects)                                                                            \
    X(ICMP6_IN_MLD2_REPORTS, Icmp6InMLDv2Reports)                                                                      \
    X(ICMP6_OUT_MSGS, Icmp6OutMsgs)                                                                                    \
    X(ICMP6_OUT_ECHO_REPS, Icmp6OutEchoReplies)                                                                        \
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
    X(TCP_IN_CSUM_ERRORS, TcpInCsumErrors)                                                                             \
    X(TCP_OUT_OF_WINDOW_ICMPS, TcpExtOutOfWindowIcmps)                                                                 \
    X(TCP_LISTEN_OVERFLOWS, TcpExtListenOverflows)                                                                     \
    X(TCP_LISTEN_DROPS, TcpExtListenDrops)                                                                             \
    X(TCP_REQQ_COOKIES, TcpExtTCPReqQFullDoCookies)                                                                    \
    X(TCP_REQQ_DROP, TcpExtTCPReqQFullDrop)                                                                            \
    X(TCP_COOKIES_SENT, TcpExtSyncookiesSent)                                                                          \
    X(TCP_COOKIES_RECV, TcpExtSyncookiesRecv)                                                                          \
    X(TCP_COOKIES_FAILED, TcpExtSyncookiesFailed)                                                                      \
    X(TCP_EMBRYONIC_RSTS, TcpExtEmbryonicRsts)                                                                         \
    X(TCP_PRUNE_CALLED, TcpExtPruneCalled)                                                                             \
    X(TCP_RCV_PRUNED, TcpExtRcvPruned)                                                                                 \
    X(TCP_OFO_PRUNED, TcpExtOfoPruned)                                                                                 \
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
    X(TCP_TW_OVERFLOW, TcpExtTCPTimeWaitOverflow)                                                                      \
    X(TCP_TW_RECYCLED, TcpExtTWRecycled)                                                                               \
    X(TCP_TW, TcpExtTW)                                                                                                \
    X(TCP_PAWS_ACTIVE, TcpExtPAWSActive)                                                                               \
    X(TCP_PAWS_ESTAB, TcpExtPAWSEstab)                                                                                 \
    X(TCP_PAWS_OLD_ACK, TcpExtPAWSOldAck)                                                                              \
    X(TCP_PAWS_TW, TcpExtPAWSTimewait)                                                                                 \
    X(TCP_BEYOND_WINDOW, TcpExtBeyondWindow)                                                                           \
    X(TCP_TSECR_REJECTED, TcpExtTSEcrRejected)                                                                         \
    X(TCP_DELAYED_ACK_LOST, TcpExtDelayedACKLost)                                                                      \
    X(TCP_PURE_ACKS, TcpExtTCPPureAcks)                                                                                \
    X(TCP_SACK_REORDER, TcpExtTCPSACKReorder)                                                                          \
    X(TCP_RENO_REORDER, TcpExtTCPRenoReorder)                                                                          \
    X(TCP_TS_REORDER, TcpExtTCPTSReorder)                                                                              \
    X(TCP_FULL_UNDO, TcpExtTCPFullUndo)                                                                                \
    X(TCP_PARTIAL_UNDO, TcpExtTCPPartialUndo)                                                                          \
    X(TCP_LOSS_UNDO, TcpExtTCPLossUndo)                                                                                \
    X(TCP_RENO_FAILURES, TcpExtTCPRenoFailures)                                                                        \
    X(TCP_SACK_FAILURES, TcpExtTCPSackFailures)                                                                        \
    X(TCP_LOSS_FAILURES, TcpExtTCPLossFailures)                                                                        \
    X(TCP_RENO_RECOVERY_FAIL, TcpExtTCPRenoRecoveryFail)                                                               \
    X(TCP_SACK_RECOVERY_FAIL, TcpExtTCPSackRecoveryFail)                                                               \
    X(TCP_FAST_RETRANS, TcpExtTCPFastRetrans)                                                                          \
    X(TCP_SLOW_START_RETRANS, TcpExtTCPSlowStartRetrans)                                                               \
    X(TCP_RETRANS_FAIL, TcpExtTCPRetransFail)                                                                          \
    X(TCP_DSACK_OFO_SENT, TcpExtTCPDSACKOfoSent)                                                                       \
    X(TCP_DSACK_OFO_RECV, TcpExtTCPDSACKOfoRecv)                                                                       \
    X(TCP_DSACK_RECV_SEGS, TcpExtTCPDSACKRecvSegs)                                                                     \
    X(TCP_DSACK_IGNORED_OLD, TcpExtTCPDSACKIgnoredOld)                                                                 \
    X(TCP_DSACK_IGNORED_DUBIOUS, TcpExtTCPDSACKIgnoredDubious)                                                         \
    X(TCP_DSACK_IGNORED_NO_UNDO, TcpExtTCPDSACKIgnoredNoUndo)                                                          \
    X(TCP_ABORT_ON_CLOSE, TcpExtTCPAbortOnClose)                                                                       \
    X(TCP_OFO_DROP, TcpExtTCPOFODrop)                                                                                  \
    X(TCP_OFO_MERGE, TcpExtTCPOFOMerge)                                                                                \
    X(TCP_SYN_CHALLENGE, TcpExtTCPSYNChallenge)                                                                        \
    X(TCP_FROM_ZERO_WINDOW, TcpExtTCPFromZeroWindowAdv)                                                                \
    X(TCP_TO_ZERO_WINDOW, TcpExtTCPToZeroWindowAdv)                                                                    \
    X(TCP_WANT_ZERO_WINDOW, TcpExtTCPWantZeroWindowAdv)                                                                \
    X(TCP_SYN_RETRANS, TcpExtTCPSynRetrans)                                                                            \
    X(TCP_ORIG_DATA_SENT, TcpExtTCPOrigDataSent)                                                                       \
    X(TCP_HYSTART_DELAY_DETECT, TcpExtTCPHystartDelayDetect)                                                           \
    X(TCP_HYSTART_DELAY_CWND, TcpExtTCPHystartDelayCwnd)                                                               \
    X(TCP_ACK_SKIPPED_SYN_RECV, TcpExtTCPACKSkippedSynRecv)                                                            \
    X(TCP_ACK_SKIPPED_PAWS, TcpExtTCPACKSkippedPAWS)                                                                   \
    X(TCP_ACK_SKIPPED_SEQ, TcpExtTCPACKSkippedSeq)                                                                     \
    X(TCP_ACK_SKIPPED_FIN_WAIT_2, TcpExtTCPACKSkippedFinWait2)                                                         \
    X(TCP_ACK_SKIPPED_TIME_WAIT, TcpExtTCPACKSkippedTimeWait)                                                          \
    X(TCP_ACK_SKIPPED_CHALLENGE, TcpExtTCPACKSkippedChallenge)                                                         \
    X(TCP_MTUP_FAIL, TcpExtTCPMTUPFail)                                                                                \
    X(TCP_MTUP_SUCCESS, TcpExtTCPMTUPSuccess)                                                                          \
    X(TCP_DELIVERED, TcpExtTCPDelivered)                                                                               \
    X(TCP_DELIVERED_CE, TcpExtTCPDeliveredCE)                                                                          \
    X(TFO_ACTIVE, TcpExtTCPFastOpenActive)                                                                             \
    X(TFO_ACTIVE_FAIL, TcpExtTCPFastOpenActiveFail)                                                                    \
    X(TFO_PASSIVE, TcpExtTCPFastOpenPassive)                                                                           \
    X(TFO_PASSIVE_FAIL, TcpExtTCPFastOpenPassiveFail)                                                                  \
    X(TFO_LISTEN_OVERFLOW, TcpExtTCPFastOpenListenOverflow)                                                            \
    X(TFO_COOKIE_REQD, TcpExtTCPFastOpenCookieReqd)                                                                    \
    X(TFO_BLACKHOLE, TcpExtTCPFastOpenBlackhole)                                                                       \
    X(TFO_ALT_KEY, TcpExtTCPFastOpenPassiveAltKey)                                                                     \
    X(TCP_ABORT_ON_DATA, TcpExtTCPAbortOnData)                                                                         \
    X(TCP_ABORT_ON_MEMORY, TcpExtTCPAbortOnMemory)                                                                     \
    X(TCP_DEFER_ACCEPT_DROP, TcpExtTCPDeferAcceptDrop)                                                                 \
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

_Static_assert(MIB_IP6_REASM_FAILS - MIB_IP6_IN == MIB_IP_REASM_FAILS - MIB_IP_IN, "one order for both families");
_Static_assert(MIB_IP_IN_CE - MIB_IP_IN_NO_ECT == 3, "in the order of the field's values");

struct mib_table {
    uint64_t v[MIB_COUNT];
    uint64_t drops[DROP_COUNT];
};

/* The counter of IPv4 up to IP_REASM_FAILS, or the same one of IPv6. */
static inline enum mib mib_ip(bool v6, enum mib m) {
    return (enum mib)((unsigned)m + v6 * (unsigned)(MIB_IP6_IN - MIB_IP_IN));
}

static inline void mib_add(struct mib_table *t, enum mib m, uint64_t n) { t->v[m] += n; }
static inline void mib_inc(struct mib_table *t, enum mib m) { t->v[m]++; }
static inline void mib_dec(struct mib_table *t, enum mib m) { t->v[m]--; }

/* Names and values by index over both lists: Linux's first, then "UmptcpDrop<Name>". NULL past the end. */
const char *mib_entry(const struct mib_table *t, unsigned index, uint64_t *value);

#endif
