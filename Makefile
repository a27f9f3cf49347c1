# SPDX-License-Identifier: BSD-3-Clause
#
# umptcp: `make help` lists the targets.
#
# A file of src/ is built because a list below names it; programs of test/, examples/ and bench/ are built because they are
# there. Objects come in three variants, each with its own folder in $B: `lib` for what is installed, `san` with the
# sanitizers for the tests, `fuzz` with clang's coverage for libFuzzer.

ifeq ($(origin CC),default)
CC = gcc
endif
CLANG ?= clang
B ?= build
PREFIX ?= /usr/local
CFLAGS ?= -O2 -g
WERROR ?= -Werror
JOBS ?= $(shell nproc)
# Seconds per target of `make fuzz`, and the seed of everything random in the tests.
T ?= 60
export UMPTCP_SEED ?= 1

# ---- Sources, one list per layer, sorted -----------------------------------------------------------------------------

src_base = \
	src/base/bytebuf.c \
	src/base/deque.c \
	src/base/drop.c \
	src/base/hash.c \
	src/base/mem.c \
	src/base/mib.c \
	src/base/random.c \
	src/base/ranges.c \
	src/base/timer.c

src_wire = \
	src/wire/addr.c \
	src/wire/checksum.c \
	src/wire/gso.c \
	src/wire/icmp.c \
	src/wire/ip.c \
	src/wire/mpcrypto.c \
	src/wire/mpopt.c \
	src/wire/segment.c

src_cc = \
	src/cc/balia.c \
	src/cc/bbr.c \
	src/cc/cc.c \
	src/cc/coupled.c \
	src/cc/cubic.c \
	src/cc/hystart.c \
	src/cc/lia.c \
	src/cc/newreno.c \
	src/cc/olia.c \
	src/cc/wvegas.c

src_tcp = \
	src/tcp/ack.c \
	src/tcp/cookie.c \
	src/tcp/ecn.c \
	src/tcp/fastopen.c \
	src/tcp/input.c \
	src/tcp/output.c \
	src/tcp/pacing.c \
	src/tcp/pmtu.c \
	src/tcp/rack.c \
	src/tcp/rate.c \
	src/tcp/receive.c \
	src/tcp/recovery.c \
	src/tcp/rtt.c \
	src/tcp/tcb.c \
	src/tcp/timers.c \
	src/tcp/tx.c

src_sched = \
	src/sched/default.c \
	src/sched/sched.c

src_pm = \
	src/pm/kernel.c \
	src/pm/kernel_retry.c \
	src/pm/pm.c \
	src/pm/userspace.c

src_mptcp = \
	src/mptcp/address.c \
	src/mptcp/buffer.c \
	src/mptcp/check.c \
	src/mptcp/chrono.c \
	src/mptcp/close.c \
	src/mptcp/conn.c \
	src/mptcp/fallback.c \
	src/mptcp/fastopen.c \
	src/mptcp/handshake.c \
	src/mptcp/hold.c \
	src/mptcp/join_table.c \
	src/mptcp/mapping.c \
	src/mptcp/marks.c \
	src/mptcp/options.c \
	src/mptcp/output.c \
	src/mptcp/path.c \
	src/mptcp/pressure.c \
	src/mptcp/receive.c \
	src/mptcp/reinject.c \
	src/mptcp/subflow.c \
	src/mptcp/timers.c \
	src/mptcp/token.c \
	src/mptcp/told.c \
	src/mptcp/urgent.c

src_stack = \
	src/stack/check.c \
	src/stack/count.c \
	src/stack/endpoint.c \
	src/stack/event.c \
	src/stack/fastopen.c \
	src/stack/frag.c \
	src/stack/handle.c \
	src/stack/icmp.c \
	src/stack/info.c \
	src/stack/input.c \
	src/stack/join.c \
	src/stack/listener.c \
	src/stack/manage.c \
	src/stack/net.c \
	src/stack/netif.c \
	src/stack/output.c \
	src/stack/paths.c \
	src/stack/reply.c \
	src/stack/socket.c \
	src/stack/sockopt.c \
	src/stack/stack.c \
	src/stack/timers.c \
	src/stack/way.c

src_io = \
	src/io/clock.c \
	src/io/entropy.c \
	src/io/fault.c \
	src/io/fault_parse.c \
	src/io/loop.c \
	src/io/memory.c \
	src/io/pcapng.c \
	src/io/raw.c \
	src/io/rtnl.c \
	src/io/tun.c

src_script = \
	src/script/arena.c \
	src/script/calls.c \
	src/script/calls_args.c \
	src/script/calls_control.c \
	src/script/calls_data.c \
	src/script/calls_message.c \
	src/script/calls_option.c \
	src/script/calls_poll.c \
	src/script/calls_socket.c \
	src/script/code.c \
	src/script/code_run.c \
	src/script/commands.c \
	src/script/commands_ip.c \
	src/script/commands_pm.c \
	src/script/commands_tools.c \
	src/script/engine.c \
	src/script/engine_commands.c \
	src/script/engine_sysctls.c \
	src/script/flow.c \
	src/script/host.c \
	src/script/host_errqueue.c \
	src/script/host_fastopen.c \
	src/script/host_file.c \
	src/script/host_info.c \
	src/script/host_io.c \
	src/script/host_option.c \
	src/script/host_pm.c \
	src/script/host_poll.c \
	src/script/host_socket.c \
	src/script/kernel.c \
	src/script/kernel_command.c \
	src/script/kernel_job.c \
	src/script/kernel_net.c \
	src/script/kernel_posix.c \
	src/script/kernel_tap.c \
	src/script/lexer.c \
	src/script/lift.c \
	src/script/lower.c \
	src/script/match.c \
	src/script/mplift.c \
	src/script/mplower.c \
	src/script/mpvalue.c \
	src/script/parse.c \
	src/script/parse_call.c \
	src/script/parse_encap.c \
	src/script/parse_icmp.c \
	src/script/parse_mptcp.c \
	src/script/parse_mpvalue.c \
	src/script/parse_option.c \
	src/script/parse_packet.c \
	src/script/print.c \
	src/script/print_call.c \
	src/script/print_mptcp.c \
	src/script/print_option.c \
	src/script/print_packet.c \
	src/script/run.c \
	src/script/settings.c \
	src/script/shell.c \
	src/script/symbols.c \
	src/script/symbols_table.c \
	src/script/words.c

src_sim = \
	src/sim/box_parse.c \
	src/sim/fate.c \
	src/sim/header.c \
	src/sim/inject.c \
	src/sim/kinds.c \
	src/sim/link.c \
	src/sim/middlebox.c \
	src/sim/nat.c \
	src/sim/options.c \
	src/sim/packet.c \
	src/sim/payload.c \
	src/sim/proxy.c \
	src/sim/segments.c \
	src/sim/topo.c

src_tools = \
	src/tools/packetdrill_so.c \
	src/tools/pkt_capture.c \
	src/tools/pkt_diff.c \
	src/tools/pkt_draft.c \
	src/tools/pkt_draft_call.c \
	src/tools/pkt_draft_name.c \
	src/tools/pkt_draft_packet.c \
	src/tools/pkt_files.c \
	src/tools/pkt_jobs.c \
	src/tools/pkt_json.c \
	src/tools/pkt_ladder.c \
	src/tools/pkt_list.c \
	src/tools/pkt_pcap.c \
	src/tools/pkt_record.c \
	src/tools/pkt_report.c \
	src/tools/pkt_run.c \
	src/tools/pkt_trace.c \
	src/tools/sim_link.c \
	src/tools/sim_run.c \
	src/tools/sim_table.c \
	src/tools/sim_words.c \
	src/tools/umptcp-pkt.c \
	src/tools/umptcp-sim.c

ENGINE = $(foreach l,base wire cc tcp sched pm mptcp stack,$(src_$l))
SRC = $(ENGINE) $(src_io) $(src_script) $(src_sim)
# The engine under the original packetdrill.
ADAPTER = src/tools/packetdrill_so.c
PKT = $(filter src/tools/pkt_% src/tools/umptcp-pkt.c,$(src_tools))
SIMULATOR = $(filter src/tools/sim_% src/tools/umptcp-sim.c,$(src_tools))

# A program is NAME.c with NAME_*.c, which hold its parts.
PARTS = $(wildcard examples/*_*.c bench/*_*.c)
EXAMPLES = $(filter-out $(PARTS),$(wildcard examples/*.c))
BENCH = $(filter-out $(PARTS),$(wildcard bench/*.c))
DEMO = $(wildcard demo/*.c)
UNIT = $(wildcard test/unit/test_*.c)
SIM = $(wildcard test/sim/test_*.c)
# Those that measure minutes of traffic: a build without sanitizers.
MEASURED = test/sim/test_coupled_goals.c
INTEROP = $(wildcard test/interop/test_*.c)
FUZZ = $(wildcard test/fuzz/fuzz_*.c)
unit_help = $(filter-out $(UNIT),$(wildcard test/unit/*.c))
sim_help = $(filter-out $(SIM),$(wildcard test/sim/*.c))
INTEROP_ENGINE = test/interop/engine.c
interop_help = $(filter-out $(INTEROP) $(INTEROP_ENGINE),$(wildcard test/interop/*.c))
DIFF = $(wildcard test/diff/*.c)
fuzz_help = $(filter-out $(FUZZ),$(wildcard test/fuzz/*.c))
ALL_C = $(SRC) $(src_tools) $(EXAMPLES) $(BENCH) $(PARTS) $(DEMO) $(wildcard $(foreach d,unit sim interop fuzz diff,test/$d/*.c))

# ---- Flags -----------------------------------------------------------------------------------------------------------

W = -std=c11 -Wall -Wextra $(WERROR) -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith \
	-Wcast-qual -Wundef -Wformat=2
INC = -Iinclude -Isrc
LIBS = -lnettle
SAN = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
cflags_lib = $(CFLAGS) -fPIC -fvisibility=hidden
# Sanitized code hides ranges from gcc: it would warn of texts that cannot get so long. (clang does not know the warning.)
cflags_san = -O1 -g $(SAN) -Wno-format-truncation -Wno-unknown-warning-option
cflags_fuzz = -O1 -g $(SAN) -fsanitize=fuzzer-no-link
VERSION = $(shell sed -n 's/^\#define UMPTCP_VERSION "\(.*\)"/\1/p' include/umptcp.h)

V ?= 0
ifeq ($V,0)
Q = @
say = @printf '  %-4s %s\n' $1 $2
endif
# $(call build,name,targets): the part of `name` that compiles, on all processors unless the user said how many.
build = +@$(MAKE) $(if $Q,-s) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS)) $2 || \
	{ echo '$1: FAILED (it does not build)'; exit 1; }

# ---- What is installed -----------------------------------------------------------------------------------------------

programs = $(EXAMPLES:examples/%.c=$B/%) $(BENCH:%.c=$B/%) $B/demo/demo $B/umptcp-pkt $B/umptcp-sim
libs = $B/libumptcp.a $B/libumptcp.so.0 $B/libumptcpio.a
adapter = $B/umptcp-packetdrill.so

.DEFAULT_GOAL = all
all: $(libs) $(programs) $(adapter) ## the library, the examples, the demo and the benchmarks (default)

lib = $(patsubst %.c,$B/lib/%.o,$1)
san = $(patsubst %.c,$B/san/%.o,$1)
fuz = $(patsubst %.c,$B/fuzz/%.o,$1)

# One relocatable object in which everything but umptcp_* became local: internal names never clash with a program's.
$B/lib/umptcp.o: $(call lib,$(ENGINE))
	$(call say,LD,$@)
	$Q$(LD) -r -o $@.tmp $^
	$Qobjcopy --localize-hidden $@.tmp $@ && rm $@.tmp

$B/libumptcp.a: $B/lib/umptcp.o
	$(call say,AR,$@)
	$Qrm -f $@ && $(AR) rcs $@ $^

$B/libumptcp.so.0: $(call lib,$(ENGINE))
	$(call say,LD,$@)
	$Q$(CC) -shared -Wl,-soname,libumptcp.so.0 -Wl,-z,defs -Wl,-z,relro,-z,now $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# Drivers, loop, recorder, middleboxes: not installed. It brings its own copy of the codecs that it uses; what they have
# of the public functions gives way to the library's.
$B/lib/umptcpio.o: $(call lib,$(src_io) $(src_sim) $(src_base) $(src_wire))
	$(call say,LD,$@)
	$Q$(LD) -r -o $@.tmp $^
	$Qobjcopy --wildcard --weaken-symbol='umptcp_*' $@.tmp $@ && rm $@.tmp

$B/libumptcpio.a: $B/lib/umptcpio.o
	$(call say,AR,$@)
	$Qrm -f $@ && $(AR) rcs $@ $^

$(foreach p,$(EXAMPLES),$(eval $(p:examples/%.c=$B/%): $(call lib,$p $(wildcard $(p:.c=_*.c)))))
$(foreach p,$(EXAMPLES),$(eval $(p:examples/%.c=$B/san/%): $(call san,$p $(wildcard $(p:.c=_*.c)))))
$(foreach p,$(BENCH),$(eval $(p:%.c=$B/%): $(call lib,$p $(wildcard $(p:.c=_*.c)))))
$B/demo/demo: $(call lib,$(DEMO))
$B/umptcp-pkt: $(call lib,$(PKT) $(src_script))
$B/umptcp-sim: $(call lib,$(SIMULATOR))
$(programs): $(libs)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$Q$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $B/libumptcpio.a $B/libumptcp.a $(LIBS)

$B/diff-fuzz: $(call lib,$(DIFF) $(src_script)) $(libs)
	$(call say,LD,$@)
	$Q$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $B/libumptcpio.a $B/libumptcp.a $(LIBS)

$(adapter): $(call lib,$(ADAPTER) $(src_script)) $(libs)
	$(call say,LD,$@)
	$Q$(CC) -shared -Wl,-z,defs -Wl,--exclude-libs,ALL $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $B/libumptcpio.a $B/libumptcp.a $(LIBS) -lpthread

# ---- Tests -----------------------------------------------------------------------------------------------------------

unit = $(UNIT:%.c=$B/san/%)
sim = $(patsubst %.c,$B/san/%,$(filter-out $(MEASURED),$(SIM)))
measured = $(MEASURED:%.c=$B/lib/%)
interop = $(INTEROP:%.c=$B/san/%) $(INTEROP_ENGINE:%.c=$B/san/%) $(EXAMPLES:examples/%.c=$B/san/%)
tools = $B/san/umptcp-pkt $B/san/umptcp-sim
tools_bench = $B/bench/engine $B/umptcp-sim # what is measured is a build without sanitizers
fuzzers = $(FUZZ:%.c=$B/fuzz/%)

$B/san/all.a: $(call san,$(SRC))
$B/fuzz/all.a: $(call fuz,$(SRC))
$B/san/unit_help.a: $(call san,$(unit_help)) # an archive: a test gets those helpers that it calls
$B/san/tools_help.a: $(call san,$(filter-out src/tools/umptcp-pkt.c,$(PKT)))
$B/san/all.a $B/fuzz/all.a $B/san/unit_help.a $B/san/tools_help.a:
	$(call say,AR,$@)
	$Qrm -f $@ && $(AR) rcs $@ $^

$(unit): $B/san/unit_help.a $B/san/tools_help.a
$(sim): $(call san,$(sim_help))
$(INTEROP:%.c=$B/san/%): $(call san,$(interop_help))
$(unit) $(sim) $(patsubst %.c,$B/san/%,$(INTEROP) $(INTEROP_ENGINE)): $B/san/%: $B/san/%.o
$B/san/umptcp-pkt: $(call san,$(PKT))
$B/san/umptcp-sim: $(call san,$(SIMULATOR))
$(unit) $(sim) $(interop) $(tools): $B/san/all.a
	$(call say,LD,$@)
	$Q$(CC) $(SAN) -o $@ $(filter %.o,$^) $(filter %_help.a,$^) $B/san/all.a -lcmocka $(LIBS)

$(measured): $B/lib/%: $B/lib/%.o $(call lib,$(sim_help) $(SRC))
	$(call say,LD,$@)
	$Q$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(fuzzers): $B/fuzz/%: $B/fuzz/%.o $(call fuz,$(fuzz_help)) $B/fuzz/all.a
	$(call say,LD,$@)
	$Q$(CLANG) $(SAN) -fsanitize=fuzzer -o $@ $^ $(LIBS)

run = B=$B JOBS=$(JOBS) MAKE='$(MAKE)' test/run

check: deps ## everything: build with sanitizers, tests, fuzzing, lint, interop with the kernel (root)
	$(call build,check,all $B/diff-fuzz $(unit) $(sim) $(measured) $(tools) $(interop) $(fuzzers))
	+@$(run) --title check unit sim script tools fuzz layers lint interop matrix

check-core: ## the tests that need neither root nor network nor lint tools
	$(call build,check-core,$(unit) $(sim) $(measured) $(tools) $(tools_bench) $(adapter) $(fuzzers))
	+@$(run) --title check-core unit sim script tools replay

fuzz: ## each fuzz target for T=60 seconds; what it learns stays in $B/corpus
	$(call build,fuzz,$(fuzzers))
	+@$(run) --title fuzz --fuzz-time $T fuzz

deps: ## installs the packages that are missing (as root), or says which
	@scripts/deps

deps-build:
	@scripts/deps build

diff-fuzz: deps-build ## random programs on the engine and on the running kernel for T=60 seconds (root); findings in $B/diff
	$(call build,diff-fuzz,$B/diff-fuzz)
	@$B/diff-fuzz -t $T -o $B/diff

check-linux: deps-build ## the packet scripts against the running kernel, in real time (root)
	$(call build,check-linux,$B/umptcp-pkt)
	@PATH="$(CURDIR)/test/interop:$$PATH" $B/umptcp-pkt -t linux -j 8 -q test/script

collection: deps-build ## the public packetdrill scripts in DIR on the engine; what fails, and why, is in docs/DIFFERENCES.md
	$(call build,collection,$B/umptcp-pkt)
	@test -d "$(DIR)" || { echo "collection: say where the scripts are: make collection DIR=.../gtests/net/tcp" >&2; exit 2; }
	@cd "$(DIR)" && $(abspath $B)/umptcp-pkt -q -a -j $(JOBS) . || [ $$? -eq 1 ]

mutants: deps-build ## breaks the engine in many places, and sees that a packet script notices each
	@B=$B MAKE='$(MAKE)' test/mutants/run

demo: deps-build ## builds and shows the stack at work
	$(call build,demo,all)
	@B=$B demo/run

bench: deps-build ## measures against the kernel on this machine
	$(call build,bench,all)
	@B=$B bench/run

throughput: deps-build ## measures throughput under loss in virtual time anew: bench/throughput.tsv and docs/THROUGHPUT.md (minutes)
	$(call build,throughput,$B/umptcp-sim)
	@$B/umptcp-sim -j $(JOBS) -f bench/throughput.scn -o bench/throughput.tsv
	@bench/throughput

throughput-linux: deps-build ## the same scenarios between two Linux kernels, in real time: bench/throughput-linux.tsv (root, an hour)
	$(call build,throughput-linux,all)
	@B=$B bench/throughput --linux

# ---- Lint ------------------------------------------------------------------------------------------------------------

layers_checks = sources layers headers symbols
lint_checks = selftest style format docs differences matrix man shell install cppcheck tidy
LLVM_FORMAT = 14

lint: ## layers, symbols, style, formatting, documents, cppcheck, clang-tidy
	$(call build,lint,all $(call san,$(ALL_C)))
	+@$(run) --title lint layers lint

matrix: deps-build ## writes docs/RFC8684.md and docs/TCP.md, and sees that the tests which they name ran and passed
	@test/lint/matrix
	$(call build,matrix,all $(unit) $(sim) $(measured) $(tools) $(interop))
	+@$(run) --title matrix --missing unit sim script tools interop matrix

format: ## formats the C sources
	clang-format -i $$(python3 test/lint/tree.py c)

lint-sources:
	@test/lint/sources

lint-layers:
	@test/lint/layers

# Each header can be included first.
lint-headers:
	@for h in include/*.h src/*/*.h; do $(CC) $(W) $(INC) -include $$h -fsyntax-only -x c /dev/null || exit 1; done

lint-symbols: $(libs)
	@test/lint/symbols --lib $B/libumptcp.so.0 --archive $B/libumptcp.a $(call lib,$(ENGINE))

lint-selftest:
	@test/lint/selftest

lint-style:
	@test/lint/style

lint-docs:
	@test/lint/docs

# Each rule of the differential fuzzer is explained, and each explanation is of a rule.
lint-differences:
	@test/lint/differences

lint-matrix:
	@test/lint/matrix --check

lint-install: all
	@B=$B MAKE='$(MAKE)' test/lint/install

lint-format:
	@test/lint/format $(LLVM_FORMAT)

lint-man:
	@mandoc -T lint -W warning docs/man/*

lint-shell:
	@shellcheck -S warning $$(python3 test/lint/tree.py shell)

# Off: it takes a pointer one past the end, and an index that a loop bounds, for mistakes (the sanitizers know better); and
# it cannot read a compound literal within a conditional, nor follow a structure that is returned. Formats are -Wformat's.
cppcheck_off = missingIncludeSystem pointerOutOfBounds arrayIndexThenCheck internalAstError invalidLifetime \
	returnDanglingLifetime invalidPrintfArgType_sint invalidPrintfArgType_uint
lint-cppcheck:
	@mkdir -p $B/lint/cppcheck
	@cppcheck --quiet -j$(JOBS) --std=c11 --cppcheck-build-dir=$B/lint/cppcheck --enable=warning,performance,portability \
		--inline-suppr --error-exitcode=1 $(cppcheck_off:%=--suppress=%) $(INC) $(ALL_C)

# clang-tidy is slow, so a stamp per source remembers that it was clean; the object is newer when the source or a header of
# it changed.
lint-tidy: $(ALL_C:%.c=$B/lint/%.tidy)

$B/lint/%.tidy: %.c $B/san/%.o .clang-tidy test/.clang-tidy
	@mkdir -p $(@D)
	$(call say,TIDY,$<)
	$Qclang-tidy --quiet $< -- $(filter-out -Werror,$(W)) $(INC) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

# ---- Install ---------------------------------------------------------------------------------------------------------

D = $(DESTDIR)$(PREFIX)

manuals = $(wildcard docs/man/*)
vim_files = $(wildcard docs/vim/*/*)

install: all ## headers, libraries, pkg-config file, commands, man pages and Vim's files to DESTDIR/PREFIX
	install -d $D/include $D/lib/pkgconfig $D/bin
	install -m 644 include/umptcp.h $D/include/
	install -m 644 $B/libumptcp.a $D/lib/
	install -m 755 $B/libumptcp.so.0 $D/lib/
	ln -sf libumptcp.so.0 $D/lib/libumptcp.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' umptcp.pc.in >$D/lib/pkgconfig/umptcp.pc
	install -m 755 $B/nc $D/bin/umptcp-nc
	install -m 755 $B/umptcp-pkt $B/umptcp-sim $D/bin/
	install -D -m 755 $(adapter) $D/lib/umptcp/umptcp-packetdrill.so
	for f in $(manuals:docs/man/%=%); do install -D -m 644 docs/man/$$f $D/share/man/man$${f##*.}/$$f || exit 1; done
	for f in $(vim_files:docs/vim/%=%); do install -D -m 644 docs/vim/$$f $D/share/vim/vimfiles/$$f || exit 1; done

uninstall: ## removes what install put there
	rm -f $D/include/umptcp.h $D/lib/libumptcp.a $D/lib/libumptcp.so $D/lib/libumptcp.so.0 $D/lib/pkgconfig/umptcp.pc \
		$D/bin/umptcp-nc $D/bin/umptcp-pkt $D/bin/umptcp-sim $D/lib/umptcp/umptcp-packetdrill.so $(foreach f,$(manuals:docs/man/%=%),$D/share/man/man$(subst .,,$(suffix $f))/$f) \
		$(vim_files:docs/vim/%=$D/share/vim/vimfiles/%)

clean: ## removes the build folder
	rm -rf $B

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | sort | awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'

# ---- Objects ---------------------------------------------------------------------------------------------------------

# $(call variant,name,compiler): an object is made again when a header of it, or the compiler's command line, changed.
define variant
$B/$1/%.o: %.c $B/$1/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)
	$$Q$2 $$(W) $$(INC) $$(CPPFLAGS) $$(cflags_$1) -MMD -MP -c $$< -o $$@

$B/$1/flags: FORCE
	@mkdir -p $$(@D)
	@echo '$2 $$(W) $$(INC) $$(CPPFLAGS) $$(cflags_$1)' | cmp -s - $$@ || \
		echo '$2 $$(W) $$(INC) $$(CPPFLAGS) $$(cflags_$1)' >$$@
endef

$(eval $(call variant,lib,$$(CC)))
$(eval $(call variant,san,$$(CC)))
$(eval $(call variant,fuzz,$$(CLANG)))

-include $(wildcard $(foreach v,lib san fuzz,$(ALL_C:%.c=$B/$v/%.d)))

FORCE:
.PRECIOUS: $B/san/%.o
.DELETE_ON_ERROR:
.PHONY: all check check-core check-linux collection mutants fuzz deps deps-build demo bench throughput throughput-linux lint matrix format install uninstall clean help FORCE lint-sources lint-layers \
	lint-headers lint-symbols lint-selftest lint-style lint-docs lint-matrix lint-format lint-man lint-shell lint-install \
	lint-cppcheck lint-tidy
