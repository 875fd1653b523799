/* safetensors: any bytes as a file that is to be loaded: refused, or every tensor is inside. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io.h"
#include "safetensors.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct lc_safetensors st;
	struct lc_tensor t;
	const char *name;
	struct lc_err err;
	json_t *e;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	char *path = lc_path("/proc/self/fd/%d", fd);

	if (fd < 0 || lc_write_all(fd, data, len, path, &err) < 0)
		abort();
	if (lc_safetensors_read(&st, path, &err) == 0) {
		json_object_foreach(st.header, name, e) {
			if (lc_safetensors_get(&st, name, &t, &err) == 0 &&
			    ((const char *)t.data < st.buf + st.data ||
			     (const char *)t.data + t.bytes > st.buf + st.len))
				abort();
		}
		lc_safetensors_release(&st);
	} else if (err.code != LC_DATA)
		abort();
	free(path);
	close(fd);
	return 0;
}
