" SPDX-License-Identifier: BSD-3-Clause
" Packet scripts are *.pkt
autocmd BufNewFile,BufRead *.pkt setfiletype pkt
