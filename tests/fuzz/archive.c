/*
 * archive: any bytes as an archive, unpacked as import does. Whatever they are, nothing appears
 * beside the directory that they are unpacked into.
 */
#include <dirent.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "unpack.h"

static char *root; /* holds the directory, and nothing else */

static void leave(void)
{
	lc_remove_tree(root, NULL);
}

static void begin(void)
{
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	root = lc_path("%s/lc-fuzz-archive.XXXXXX", tmp);
	if (!mkdtemp(root))
		abort();
	atexit(leave);
	setlocale(LC_CTYPE, "C.UTF-8");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct lc_unpack u = {.max_size = 1 << 20, .any_link = len & 1, .plain = len >> 1 & 1};
	int fd = memfd_create("archive", 0);
	struct dirent **names;
	struct lc_err err;
	char *dir;

	if (!root)
		begin();
	dir = lc_path("%s/in", root);
	if (fd < 0 || lc_write_all(fd, data, len, "archive", &err) < 0 || lseek(fd, 0, SEEK_SET) ||
	    mkdir(dir, 0700) < 0)
		abort();
	u.dir = dir;
	if (lc_unpack(&u, fd, &err) == 0)
		lc_unpack_release(&u);
	if (lc_remove_tree(dir, &err) < 0 || scandir(root, &names, NULL, NULL) != 2)
		abort();
	for (int i = 0; i < 2; i++)
		free(names[i]);
	free(names);
	free(dir);
	close(fd);
	return 0;
}
