/* archive_calls: see archive_calls.h. */
#define LC_ARCHIVE_NAMES /* here they stand for themselves */
#include "archive_calls.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

struct lc_archive_calls lc_archive;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct lc_err failed;

static const struct {
	const char *name;
	size_t at;
} calls[] = {
#define CALL(f) {#f, offsetof(struct lc_archive_calls, f)},
	LC_ARCHIVE_CALLS(CALL)};

static void open_once(void)
{
	void *so = dlopen("libarchive.so.13", RTLD_NOW | RTLD_LOCAL);

	if (!so)
		so = dlopen("libarchive.so", RTLD_NOW | RTLD_LOCAL);
	if (!so) {
		lc_fail(&failed, LC_SYS, "archives need libarchive: %.300s", dlerror());
		return;
	}
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		void **to = (void **)(void *)((char *)&lc_archive + calls[i].at);
		*to = dlsym(so, calls[i].name);
		if (!*to && failed.code == LC_OK)
			lc_fail(&failed, LC_SYS, "archives need a newer libarchive: no %s",
				calls[i].name);
	}
}

int lc_archive_open(struct lc_err *err)
{
	pthread_once(&once, open_once);
	return failed.code == LC_OK ? 0 : lc_fail(err, failed.code, "%s", failed.text);
}
