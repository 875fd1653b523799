# Lightcone. `make` builds into build/, `make check` runs all tests, `make demo` the whole story.
# CC, CFLAGS, LDFLAGS, PREFIX and DESTDIR are the builder's. SAN=1 builds with address and
# undefined sanitizers, into build-san/.

CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
VERSION = 0.1.0
B = build

LC_CFLAGS = -std=c11 -D_GNU_SOURCE -Wall -Wextra -MMD -MP -I. -Ilib -Ikernels \
	-DLC_VERSION='"$(VERSION)"' -DLC_DATADIR='"$(PREFIX)/share/lightcone"' -pthread -ffp-contract=off
LC_LDLIBS = -ljansson -lcrypto -lm -pthread
ifdef SAN
B = build-san
LC_CFLAGS += -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
LC_LDFLAGS = -fsanitize=address,undefined
endif
FAST = -O3 -march=native

# A program is cmd/NAME.c, or all of cmd/NAME/*.c.
PROGRAMS = $(sort $(patsubst cmd/%.c,%,$(wildcard cmd/lc-*.c)) $(patsubst cmd/%/,%,$(wildcard cmd/lc-*/)))
LIB_OBJ = $(patsubst %.c,$B/%.o,$(wildcard lib/*.c kernels/*.c))
objects = $(patsubst %.c,$B/%.o,$(wildcard cmd/$1.c cmd/$1/*.c))

# What a program links beyond LC_LDLIBS.
LIBS_lc-snap = -lzstd
LIBS_lc-train = -ldl

all: setup-check
	@$(MAKE) --no-print-directory programs
programs: $(PROGRAMS:%=$B/%) $B/lc-guard $B/kjv.txt

# What is missing is installed once; scripts/setup does nothing when all is there.
setup-check:
	@scripts/setup

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(LC_CFLAGS) $(CFLAGS) $(LC_FAST) $(CPPFLAGS) -c -o $@ $<
$B/kernels/%.o: LC_FAST = $(FAST)
$B/liblc.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^
.SECONDEXPANSION:
$(PROGRAMS:%=$B/%): $B/%: $$(call objects,%) $B/liblc.a
	$(CC) $(LC_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_$*) $(LC_LDLIBS)
$B/lc-guard: scripts/lc-guard
	@mkdir -p $B
	install -m 755 $< $@
$B/kjv.txt: share/kjv.txt
	@mkdir -p $B
	install -m 644 $< $@

# Tests: tests/unit/*.c with Criterion, tests/cli/*.sh from the outside; tests/run sums up.
UNIT = $(patsubst tests/unit/%.c,$B/unit/%,$(wildcard tests/unit/*.c))
$B/unit/%: $B/tests/unit/%.o $B/liblc.a
	@mkdir -p $(@D)
	$(CC) $(LC_LDFLAGS) $(LDFLAGS) -o $@ $^ -lcriterion -lzstd -ldl $(LC_LDLIBS)
check: all
	@$(MAKE) --no-print-directory $(UNIT)
	@B=$B tests/run

# Fuzzers: `make fuzz` builds them with clang's libFuzzer and runs each for FUZZ_S seconds.
FUZZ_S ?= 20
fuzz: setup-check
	@FUZZ_S=$(FUZZ_S) CFLAGS="$(CFLAGS)" tests/fuzz/run

demo: all
	@B=$B scripts/demo

install: programs
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/lightcone \
		$(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man7
	install -m 755 $(PROGRAMS:%=$B/%) $B/lc-guard $(DESTDIR)$(PREFIX)/bin
	install -m 644 share/kjv.txt $(DESTDIR)$(PREFIX)/share/lightcone
	for s in 1 5 7; do for p in man/*.$$s; do \
		install -m 644 $$p $(DESTDIR)$(PREFIX)/share/man/man$$s; done; done
clean:
	rm -rf build build-san build-fuzz

.PHONY: all programs setup-check check fuzz demo install clean
.SECONDARY:
-include $(shell find $B -name '*.d' 2>/dev/null)
