# Lightcone. CC, CFLAGS, CPPFLAGS, LDFLAGS, PREFIX and DESTDIR are the builder's.
#: make            set up and build, into build/
#: make check      set up, build, run all tests; tests/run WORD runs some
#: make demo       the whole story on a real run that breaks
#: make study      policies against incidents, in tables, in 40 minutes (STUDY=full, SET=tune, J=jobs)
#: make install    into PREFIX (/usr/local), below DESTDIR
#: make uninstall  from there
#: make deb        Debian packages, for any processor of this architecture, into build/
#: make fuzz       the fuzzers, FUZZ_S seconds each (20)
#: make lint       clang-tidy and cppcheck
#: make clean      all that was built
#: V=1 shows the commands; SAN=1 builds with address and undefined sanitizers, into build-san/

CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
VERSION = 0.1.0
B = build
MARCH = -march=native

LC_CFLAGS = -std=c11 -D_GNU_SOURCE -Wall -Wextra -MMD -MP -I. -I$B -Ilib -Ikernels \
	-DLC_VERSION='"$(VERSION)"' -pthread -ffp-contract=off
LC_LDLIBS = -ljansson -lm -pthread
SANITIZERS = -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
# A step is one line that says what it makes, or with V=1 the command.
Q = $(if $V,,@)
say = @mkdir -p $(@D)$(if $V,,; echo '$1 $2')
ifdef SAN
B = build-san
LC_CFLAGS += $(SANITIZERS)
LC_LDFLAGS = -fsanitize=address,undefined
endif
ifdef FUZZ # set by tests/fuzz/run, with CC=clang
B = build-fuzz
LC_CFLAGS += $(SANITIZERS) -fsanitize=fuzzer-no-link
LC_LDFLAGS = -fsanitize=address,undefined
endif

# A program is cmd/NAME.c, or all of cmd/NAME/*.c; the libraries it links beyond LC_LDLIBS follow.
PROGRAMS = $(sort $(basename $(notdir $(wildcard cmd/lc-*.c))) \
	$(patsubst cmd/%/main.c,%,$(wildcard cmd/lc-*/main.c)))
LIBS_lc-snap = -lzstd
LIBS_lc-collapse = -lzstd
LIBS_lc-read = -lzstd -lz
LIBS_lc-train = -ldl

LIB_OBJ = $(patsubst %.c,$B/%.o,$(wildcard lib/*.c kernels/*.c))
UNIT = $(patsubst tests/unit/%.c,$B/unit/%,$(wildcard tests/unit/*.c))
PAGES = $(wildcard man/*.[157])
objects = $(patsubst %.c,$B/%.o,$(wildcard cmd/$1.c cmd/$1/*.c))

all: setup-check
	@$(MAKE) --no-print-directory programs
programs: $(PROGRAMS:%=$B/%) $B/lc-guard $B/kjv.txt $B/model.json $B/completions/done

# What is missing is installed once; scripts/setup does nothing when all is there.
setup-check:
	@scripts/setup
setup-tests:
	@scripts/setup check

$B/%.o: %.c $B/flags
	$(call say,CC,$<)
	$Q$(CC) $(LC_CFLAGS) $(CFLAGS) $(LC_FAST) $(CPPFLAGS) -c -o $@ $<
$B/kernels/%.o: LC_FAST = -O3 $(MARCH)
# The roll-out is compiled for several processors; which bits come out does not depend on which runs it.
# Under sanitizers its hundreds of unrolled registers take a compiler minutes at -O3.
$B/kernels/rollout%.o: LC_FAST = $(if $(SAN)$(FUZZ),-O1,-O3) -fno-math-errno -fno-trapping-math
# The plug-in with the CUDA kernels, where nvcc is: never needed (lib/device.h). No operation is fused.
NVCC := $(if $(SAN)$(FUZZ),,$(shell command -v nvcc 2>/dev/null))
NVCC_FLAGS = -O3 -std=c++17 -fmad=false -ftz=false -prec-div=true -prec-sqrt=true -Ilib -Ikernels -Xcompiler -fPIC \
	-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]
ifneq ($(NVCC),)
programs: $B/liblc-cuda.so
endif
$B/kernels/%.cu.o: kernels/%.cu $(wildcard kernels/*.h lib/blas.h lib/codec.h lib/device.h lib/err.h lib/pool.h lib/resid.h) $B/flags
	$(call say,NVCC,$<)
	$Q$(NVCC) $(NVCC_FLAGS) -c -o $@ $<
$B/pic/%.o: lib/%.c $B/flags
	$(call say,CC,$<)
	$Q$(CC) $(LC_CFLAGS) $(CFLAGS) -fPIC $(CPPFLAGS) -c -o $@ $<
$B/liblc-cuda.so: $(patsubst %.cu,$B/%.cu.o,$(wildcard kernels/*.cu)) $B/pic/err.o
	$(call say,LD,$(@F))
	$Q$(NVCC) -shared -cudart static -o $@ $^

# What lc-cone puts into its page, as string literals.
$B/cmd/lc-cone/page.o: $B/cmd/lc-cone/page.css.inc $B/cmd/lc-cone/page.js.inc
$B/%.inc: %
	$(call say,GEN,$@)
	$Qsed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $< >$@
# Bits are compared here: no fusing (LC_CFLAGS), but errno and traps are of no interest.
$B/lib/codec%.o: LC_FAST = -O3 -fno-math-errno -fno-trapping-math
$B/lib/gauss.o $B/lib/lawpost.o $B/lib/detect%.o $B/lib/forecaster.o $B/lib/plateau.o $B/lib/trend.o: LC_FAST = -O3 -fno-math-errno -fno-trapping-math
# The trainer's kernels may fuse multiply and add; nothing compares their bits across machines.
GPT = adamw attention decode gelu gemm gpt pgrad rmsnorm xent
$(GPT:%=$B/kernels/%.o): LC_FAST = -O3 $(MARCH) -ffp-contract=fast -fno-math-errno -fno-trapping-math
$B/cmd/lc-train/data.o: LC_FAST = -DLC_DATADIR='"$(PREFIX)/share/lightcone"'
$B/liblc.a: $(LIB_OBJ)
	$(call say,AR,$(@F))
	$Q$(AR) rcs $@.$$$$ $^ && mv $@.$$$$ $@
.SECONDEXPANSION:
$(PROGRAMS:%=$B/%): $B/%: $$(call objects,%) $B/liblc.a
	$(call say,LD,$(@F))
	$Q$(CC) $(LC_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_$*) $(LC_LDLIBS)
# lc-guard is one file, made of its parts: where it lies it needs no other, and a new one does not change one that runs.
GUARD = $(patsubst %,scripts/lc-guard/%.sh,usage words proc tell keep train budget again fork treat slurm dry options main)
$B/lc-guard: $(GUARD) $B/flags
	$(call say,GEN,$@)
	$Qcat $(GUARD) >$@.new && chmod 755 $@.new && mv $@.new $@
$B/kjv.txt: share/kjv.txt
$B/model.json: share/model.json
$B/kjv.txt $B/model.json:
	$(call say,CP,$<)
	$Qrm -f $@ && cp $< $@

# Other flags, another compiler: everything is compiled again. (PREFIX is no flag: what is installed
# finds its data beside itself. Nor is how B is spelt.)
$B/flags: SAYS = $(CC) $(filter-out -I$B,$(LC_CFLAGS)) $(CFLAGS) $(CPPFLAGS)
$B/flags: FORCE
	@mkdir -p $B
	@echo '$(SAYS)' | cmp -s - $@ || echo '$(SAYS)' >$@

# Tests: tests/unit/*.c with Criterion, tests/cli/*.sh from the outside; tests/run sums up.
OBJ_read = $(filter-out %/main.o,$(call objects,lc-read))
OBJ_cone = $(filter-out %/main.o,$(call objects,lc-cone))
OBJ_peers = $B/cmd/lc-train/peers.o
OBJ_policy = $B/cmd/lc-train/reward.o
# The CUDA kernels on the host (tests/cuda), for the tests of what they do; where there is no C++, those are skipped.
ifneq ($(shell command -v $(CXX) 2>/dev/null),)
CUDA_HOST = $(patsubst kernels/%.cu,$B/tests/cuda/%.o,$(wildcard kernels/*.cu))
OBJ_rollout = $(CUDA_HOST)
OBJ_planes = $(CUDA_HOST)
OBJ_ensemble = $(CUDA_HOST)
$(patsubst %,$B/tests/unit/%.o,rollout planes ensemble): LC_FAST = -Itests/cuda -DCUDA_HOST
LIBS_cuda = $(if $(filter rollout planes ensemble,$1),-lstdc++)
endif
$B/tests/cuda/%.o: kernels/%.cu $B/flags
	$(call say,CXX,$<)
	$Q$(CXX) -x c++ $(patsubst -std=%,-std=c++17,$(LC_CFLAGS)) -O2 -g -Itests/cuda -c -o $@ $<
$B/unit/%: $B/tests/unit/%.o $$(OBJ_$$*) $B/liblc.a
	$(call say,LD,$(@F))
	$Q$(CC) $(LC_LDFLAGS) $(LDFLAGS) -o $@ $^ -lcriterion -lzstd -lz -ldl $(call LIBS_cuda,$*) $(LC_LDLIBS)
units: $(UNIT)
check: setup-tests
	@$(MAKE) --no-print-directory programs units
	@B=$B tests/run

# Fuzzers: built with clang's libFuzzer, each run for FUZZ_S seconds.
FUZZ_S ?= 20
fuzz: setup-check
	@FUZZ_S=$(FUZZ_S) tests/fuzz/run
OBJ_logs = $(OBJ_read)
OBJ_train = $(filter-out %/main.o,$(call objects,lc-train))
OBJ_ledger = $(patsubst %,$B/cmd/lc-collapse/%.o,goal future)
OBJ_evidence = $(filter-out %/main.o,$(call objects,lc-collapse))
OBJ_branch = $(filter-out %/main.o %/fleet.o %/runner.o,$(call objects,lc-fork))
$B/fuzz/%: $B/tests/fuzz/%.o $$(OBJ_$$*) $B/liblc.a
	$(call say,LD,$(@F))
	$Q$(CC) $(LC_LDFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ -lzstd -lz -ldl $(LC_LDLIBS)
fuzzers: $(patsubst tests/fuzz/%.c,$B/fuzz/%,$(wildcard tests/fuzz/*.c))

demo: all
	@B=$B scripts/demo

STUDY = small
SET = report
study: all
	@B=$B python3 -B scripts/study/study.py --study $(STUDY) --set $(SET) $(if $J,-j $J)

# What clang-tidy lets pass, and why, is in .clang-tidy; cppcheck does not know jansson's foreach.
lint:
	clang-tidy --quiet --warnings-as-errors='*' lib/*.c -- $(filter-out -MMD -MP,$(LC_CFLAGS))
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress=unknownMacro \
		--suppress=invalidPointerCast --error-exitcode=1 -Ilib lib

# What a shell completes, from what each program's --help says.
$B/completions/done: scripts/completions $(PROGRAMS:%=$B/%) $B/lc-guard
	$(call say,GEN,completions)
	$Qscripts/completions $(@D) $(PROGRAMS:%=$B/%) $B/lc-guard && touch $@

TO = $(DESTDIR)$(PREFIX)
SHARED = share/kjv.txt share/model.json $(wildcard scripts/lightcone.py)
HEADERS = $(filter-out %_impl.h,$(wildcard lib/*.h))
# Where each shell looks, below PREFIX/share, and how the files are named there.
COMPLETIONS = bash-completion/completions zsh/site-functions fish/vendor_completions.d
install: programs
	$(call say,INSTALL,$(TO))
	$Qinstall -d $(addprefix $(TO)/,bin lib/pkgconfig include/lightcone \
		$(addprefix share/,lightcone man/man1 man/man5 man/man7 $(COMPLETIONS)))
	$Qinstall -m 755 $(PROGRAMS:%=$B/%) $B/lc-guard $(TO)/bin
	$Qinstall -m 644 $(SHARED) $(TO)/share/lightcone
	$Qinstall -m 644 $B/liblc.a $(TO)/lib/liblightcone.a
	$Qinstall -m 644 $(HEADERS) $(TO)/include/lightcone
	$Qsed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' share/lightcone.pc.in >$(TO)/lib/pkgconfig/lightcone.pc
	$Qinstall -m 644 $B/completions/bash/* $(TO)/share/bash-completion/completions
	$Qinstall -m 644 $B/completions/zsh/* $(TO)/share/zsh/site-functions
	$Qinstall -m 644 $B/completions/fish/* $(TO)/share/fish/vendor_completions.d
	$Qif [ -f $B/liblc-cuda.so ]; then install -m 755 $B/liblc-cuda.so $(TO)/lib; fi
	$Qfor page in $(PAGES); do \
		install -m 644 $$page $(TO)/share/man/man$${page##*.} || exit; done
uninstall:
	$(call say,REMOVE,$(TO))
	$Qrm -f $(foreach p,$(PROGRAMS) lc-guard,$(TO)/bin/$p $(TO)/share/bash-completion/completions/$p \
			$(TO)/share/zsh/site-functions/_$p $(TO)/share/fish/vendor_completions.d/$p.fish) \
		$(foreach p,$(PAGES),$(TO)/share/man/man$(subst .,,$(suffix $p))/$(notdir $p)) \
		$(addprefix $(TO)/lib/,liblightcone.a liblc-cuda.so pkgconfig/lightcone.pc)
	$Qrm -rf $(TO)/share/lightcone $(TO)/include/lightcone
# The plug-in asks nothing of the processor: it is the one that is built already.
deb: programs
	@$(MAKE) --no-print-directory B=$B/deb MARCH= NVCC= programs
	@if [ -f $B/liblc-cuda.so ]; then cp $B/liblc-cuda.so $B/deb; fi
	@scripts/deb $B/deb $B
clean:
	rm -rf build build-san build-fuzz
help:
	@sed -n 's/^#: //p' Makefile

FORCE:
.PHONY: all programs units fuzzers setup-check setup-tests check fuzz demo study lint install uninstall deb \
	clean help FORCE
.SECONDARY:
-include $(shell find $B -name '*.d' 2>/dev/null)
