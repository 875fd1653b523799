/* device: see device.h. */
#include "device.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"

#define PLUGIN "liblc-cuda.so"

/* A symbol of the plug-in keeps it open for good. */
static void *open_plugin(void)
{
	static const char *const places[] = {"/" PLUGIN, "/../lib/" PLUGIN};
	char exe[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	void *so = NULL;

	if (n > 0) {
		exe[n] = '\0';
		slash = strrchr(exe, '/');
		*slash = '\0';
		for (int i = 0; i < 2 && !so; i++) {
			char *path = lc_path("%s%s", exe, places[i]);
			so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
			free(path);
		}
	}
	return so ? so : dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
}

static int open_cuda(struct lc_device *dev, struct lc_err *err)
{
	void *so = open_plugin();
	lc_device_fn fn = NULL;

	if (!so)
		return lc_fail(err, LC_SYS, "LC_DEVICE=cuda: %.300s", dlerror());
	*(void **)&fn = dlsym(so, "lc_cuda_device");
	if (!fn)
		return lc_fail(err, LC_SYS, "LC_DEVICE=cuda: " PLUGIN " is of another kind");
	if (fn(dev, err) < 0)
		return -1;
	return dev->version == LC_DEVICE_VERSION
		       ? 0
		       : lc_fail(err, LC_SYS, "LC_DEVICE=cuda: " PLUGIN " is of another version");
}

int lc_device_open(int worth, struct lc_device *dev, struct lc_err *err)
{
	const char *want = getenv("LC_DEVICE");

	memset(dev, 0, sizeof(*dev));
	if (!want || !*want)
		want = "auto";
	if (strcmp(want, "cpu") == 0)
		return 0;
	if (strcmp(want, "auto") == 0)
		return worth && open_cuda(dev, NULL) == 0;
	if (strcmp(want, "cuda") != 0)
		return lc_fail(err, LC_USAGE, "LC_DEVICE=%.40s: not auto, cpu or cuda", want);
	return open_cuda(dev, err) < 0 ? -1 : 1;
}
