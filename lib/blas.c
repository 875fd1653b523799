/* blas: see blas.h. */
#include "blas.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct library {
	const char *name;
	const char *sonames[2];
};

/* In the order they are tried; scripts/bench/blas measures which should be first. */
static const struct library libraries[] = {
	{"openblas", {"libopenblas.so.0", "libopenblas.so"}},
	{"blis", {"libblis.so.4", "libblis.so"}},
};

static const char *found = "none";

/* OpenBLAS's name of the kernels this processor can run. */
static const char *core_type(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512vl"))
		return "SKYLAKEX";
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return __builtin_cpu_is("amd") ? "ZEN" : "HASWELL";
#endif
	return NULL;
}

static lc_sgemm_fn *try_library(const struct library *lib)
{
	for (int i = 0; i < 2; i++) {
		void *handle = dlopen(lib->sonames[i], RTLD_NOW | RTLD_LOCAL);
		void *sym = handle ? dlsym(handle, "cblas_sgemm") : NULL;
		lc_sgemm_fn *fn;

		if (!sym)
			continue;
		memcpy(&fn, &sym, sizeof(fn)); /* C has no cast from object to function pointers */
		found = lib->name;
		return fn;
	}
	return NULL;
}

lc_sgemm_fn *lc_blas_open(struct lc_err *err)
{
	const char *want = getenv("LC_BLAS");
	lc_sgemm_fn *fn = NULL;
	int known = 0;

	if (err)
		err->code = LC_OK;
	if (want && strcmp(want, "none") == 0)
		return NULL;
	if (core_type())
		setenv("OPENBLAS_CORETYPE", core_type(), 0);
	setenv("OPENBLAS_NUM_THREADS", "1", 1);
	setenv("BLIS_NUM_THREADS", "1", 1);
	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries) && !fn; i++) {
		if (want && *want && strcmp(want, libraries[i].name) != 0)
			continue;
		known = 1;
		fn = try_library(&libraries[i]);
	}
	if (!known)
		lc_fail(err, LC_USAGE, "LC_BLAS=%s: not one of openblas, blis, none", want);
	else if (!fn && want && *want)
		lc_fail(err, LC_SYS, "LC_BLAS=%s: %s", want, dlerror());
	return fn;
}

const char *lc_blas_name(void)
{
	return found;
}
