" SPDX-License-Identifier: BSD-3-Clause
" Packet scripts, see umptcp-pkt(1). To install: copy or link docs/vim to ~/.vim/pack/umptcp/start/pkt

if exists('b:current_syntax')
  finish
endif
let s:cpo_save = &cpoptions
set cpoptions&vim

" Commands in backquotes are for the shell, code blocks are Python
syntax include @pktShell syntax/sh.vim
unlet! b:current_syntax
syntax include @pktPython syntax/python.vim
unlet! b:current_syntax
syntax case match
syntax sync fromstart

syntax match pktComment "//.*$" contains=pktSpdx,@Spell
syntax region pktComment start="/\*" end="\*/" contains=pktSpdx,@Spell
syntax match pktSpdx "SPDX-License-Identifier:.*$" contained
syntax region pktCommand matchgroup=pktDelimiter start="`" skip="\\`" end="`" contains=@pktShell keepend
syntax region pktCode matchgroup=pktDelimiter start="%{" end="}%" contains=@pktPython keepend
syntax region pktString start=+"+ skip=+\\.+ end=+"+ oneline contains=pktEscape
syntax match pktEscape "\\\%(x\x\{1,2}\|\o\{1,3}\|[abfnrtv\\"']\)" contained

" Of several matches that start at one place the last one here wins
syntax match pktNumber "-\?\<\%(0x\x\+\|\d\+\)\>"

" --name=value
syntax match pktSetting "^\s*\zs--\h\w*" nextgroup=pktSettingValue
syntax match pktSettingValue +=\%("[^"]*"\|\S\)*+hs=s+1 contained contains=pktString

" The time of an event, and what follows it
syntax match pktTime "^\s*\zs\%(+\?\%(\d*\.\)\?\d\+\%(\~+\?\%(\d*\.\)\?\d\+\)\?\|\*\)\%(\.\.\.\)\@!\ze\%([[:blank:]<>`%]\|$\)"
      \ nextgroup=@pktAction skipwhite skipnl
syntax match pktTime "^\s*\zs+\?\%(\d*\.\)\?\d\+\.\.\.\%(\d*\.\)\?\d\+" contains=pktEllipsis
      \ nextgroup=@pktAction skipwhite skipnl
syntax cluster pktAction contains=pktInbound,pktOutbound,pktCall,pktCommand,pktCode
syntax match pktInbound "<" contained
syntax match pktOutbound ">" contained
syntax match pktEllipsis "\.\.\."

" Packets
syntax match pktFlags "\%(^\|[[:blank:]<>]\)\@1<=\%(-\|[FSRP.UEWA]\+[0-7]\?\)\ze\s\+\d\+:\d\+(\d\+)"
syntax match pktSequence "\<\d\+:\d\+(\d\+)"
syntax keyword pktField ack win urg
syntax keyword pktIp noecn ect0 ect1 ect01 ce tos ttl flowlabel
syntax match pktEnd "\<addr\ze\["
syntax keyword pktProtocol icmp udp gre GREv0 mpls encap psp spi
syntax match pktProtocol "\<ipv[46]\>"
syntax keyword pktIcmp echo_reply unreachable source_quench redirect echo_request time_exceeded parameter_problem
syntax keyword pktIcmp timestamp_request timestamp_reply information_request information_reply
syntax keyword pktIcmp address_mask_request address_mask_reply packet_too_big mtu
syntax keyword pktIcmp net_unreachable host_unreachable protocol_unreachable port_unreachable frag_needed
syntax keyword pktIcmp source_route_failed net_unknown host_unknown source_host_isolated net_prohibited host_prohibited
syntax keyword pktIcmp net_unreachable_for_tos host_unreachable_for_tos packet_filtered precedence_violation
syntax keyword pktIcmp precedence_cutoff no_route admin_prohibited not_neighbour address_unreachable
syntax keyword pktIcmp exceeded_hop_limit exceeded_frag_time header_field unknown_next_header unknown_option
syntax match pktIcmp "\<\%(type\|code\)_\d\+\>"

" TCP options
syntax region pktOptions matchgroup=pktBracket start="<" end=">"
      \ contains=pktOption,pktMptcp,pktParameter,pktFlagName,pktFunction,pktAuto,pktEnd,pktString,pktNumber,pktEllipsis,pktComment
syntax keyword pktOption nop eol mss wscale sackOK sack TS md5 FO FOEXP ECN raw contained
syntax keyword pktMptcp mpcapable mp_capable mp_capable_no_cs mp_join_syn mp_join_syn_ack mp_join_ack dss contained
syntax keyword pktMptcp add_address remove_address mp_prio mp_fail mp_fastclose mp_reset contained
syntax keyword pktParameter val ecr flags key nokey mpcdatalen cksum nocs fin dack4 dack8 dsn4 dsn8 ssn dll contained
syntax keyword pktParameter backup address_id token rand sender_hmac addr_echo port hmac e0b ceb e1b none contained
syntax match pktParameter "\<v\%(\d\|1[0-5]\)\>" contained
syntax match pktFlagName "\<\%(flag_[a-hu-w]\|flag_t\|no_flags\)\>" contained
syntax keyword pktFunction sha256_32 sha1_32 trunc_r64_hmac trunc_r64_hmac_sha256 trunc_r64_hmac_sha1 contained
syntax keyword pktFunction trunc_l64_hmac full_160_hmac inet_addr inet6_addr htons contained
syntax keyword pktAuto auto contained

" System calls
syntax keyword pktCall accept bind cap_set close connect epoll_create epoll_ctl epoll_wait fcntl getsockopt ioctl listen
      \ nextgroup=pktArguments skipwhite
syntax keyword pktCall open pipe poll psp_rx_assoc psp_tx_assoc read readv recv recvfrom recvmsg send sendfile sendmsg sendto
      \ nextgroup=pktArguments skipwhite
syntax keyword pktCall setsockopt shutdown socket splice write writev nextgroup=pktArguments skipwhite
syntax region pktArguments start="(" end=")" contained nextgroup=pktResult skipwhite skipnl
      \ contains=pktArguments,pktConstant,pktFunction,pktMember,pktString,pktNumber,pktEllipsis,pktComment
syntax match pktConstant "\<\u[A-Z0-9_]\+\>" contained
syntax match pktMember "\<\l\w*\ze\s*\%(([^)]*)\)\?\s*=" contained
syntax match pktResult "=\s*-\?\%(0x\x\+\|\d\+\)" contained contains=pktNumber nextgroup=pktErrno,pktRemark skipwhite
syntax match pktErrno "\<E[A-Z0-9]\+\>" contained nextgroup=pktRemark skipwhite
syntax region pktRemark start="(" end=")" contained oneline nextgroup=pktRemark skipwhite

highlight default link pktComment Comment
highlight default link pktSpdx SpecialComment
highlight default link pktDelimiter Delimiter
highlight default link pktBracket Delimiter
highlight default link pktString String
highlight default link pktEscape SpecialChar
highlight default link pktSetting PreProc
highlight default link pktSettingValue Constant
highlight default link pktTime Label
highlight default link pktInbound Operator
highlight default link pktOutbound Keyword
highlight default link pktEllipsis Special
highlight default link pktFlags Statement
highlight default link pktSequence Number
highlight default link pktField Identifier
highlight default link pktIp Identifier
highlight default link pktEnd Identifier
highlight default link pktProtocol Type
highlight default link pktIcmp Constant
highlight default link pktOption Type
highlight default link pktMptcp Structure
highlight default link pktParameter Identifier
highlight default link pktFlagName Constant
highlight default link pktFunction Function
highlight default link pktAuto Special
highlight default link pktCall Function
highlight default link pktConstant Constant
highlight default link pktMember Identifier
highlight default link pktErrno Exception
highlight default link pktRemark Comment
highlight default link pktNumber Number

let b:current_syntax = 'pkt'
let &cpoptions = s:cpo_save
unlet s:cpo_save
