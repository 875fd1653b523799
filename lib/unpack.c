/* unpack: see unpack.h. unpack_notes.c checks what the archive says of itself. */
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive_calls.h"
#include "io.h"
#include "unpack_impl.h"

#define BLOCK ((size_t)1 << 18) /* bytes read at once */
#define FREE_BYTES ((uint64_t)1 << 28)
#define ZERO 512 /* a tar ends with at least one block of zeros */

static la_ssize_t read_in(struct archive *a, void *ctx, const void **buf)
{
	struct unpacker *p = ctx;
	ssize_t n;

	*buf = p->block;
	do
		n = read(p->fd, p->block, BLOCK);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		lc_fail_sys(&p->read_err, "read the archive");
		archive_set_error(a, EIO, "read");
		return -1;
	}
	p->ended = n == 0;
	for (ssize_t i = n > ZERO ? n - ZERO : 0; i < n; i++)
		p->zeros = p->block[i] ? 0 : p->zeros + 1;
	return n;
}

static la_int64_t seek_in(struct archive *a, void *ctx, la_int64_t offset, int whence)
{
	struct unpacker *p = ctx;
	off_t at = lseek(p->fd, (off_t)offset, whence);

	if (at < 0)
		archive_set_error(a, EIO, "seek");
	return at < 0 ? ARCHIVE_FATAL : (la_int64_t)at;
}

/* What libarchive says, as one line; NULL when it has nothing to say. */
static int bad(struct unpacker *p, const char *what, const char *why, struct lc_err *err)
{
	char *shown;

	if (p->read_err.code != LC_OK)
		return lc_fail(err, LC_SYS, "%s", p->read_err.text);
	if (!what)
		return lc_fail(err, LC_DATA, "the archive: %.300s", why ? why : "malformed");
	shown = lc_path_encode(what);
	lc_fail(err, LC_DATA, "the archive: %.200s: %.200s", shown, why ? why : "malformed");
	free(shown);
	return -1;
}

static int is_zip(const unsigned char *b)
{
	return b[0] == 'P' && b[1] == 'K';
}

/*
 * Does a zip come through a pipe? It is read from its end, so it is copied to a file without a name
 * first. *got bytes of anything else are in the block, yet to be read.
 */
static int spool(struct unpacker *p, size_t *got, struct lc_err *err)
{
	char *path = lc_path("%s/.spool", p->u->dir);
	uint64_t max = p->u->max_size ? p->u->max_size : LC_UNPACK_SIZE, sum = 0;
	ssize_t n = (ssize_t)*got;
	int fd, ret = 0;

	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		ret = lc_fail_sys(err, "create %s", path);
	else
		unlink(path);
	free(path);
	for (; ret == 0 && n != 0; n = read(p->fd, p->block, BLOCK)) {
		if (n < 0 && errno == EINTR)
			continue;
		sum += n > 0 ? (uint64_t)n : 0;
		ret = n < 0	  ? lc_fail_sys(err, "read the archive")
		      : sum > max ? lc_fail(err, LC_DATA, "the archive: is larger than %llu bytes",
					    (unsigned long long)max)
				  : lc_write_all(fd, p->block, (size_t)n, "the archive", err);
	}
	if (ret == 0 && lseek(fd, 0, SEEK_SET) < 0)
		ret = lc_fail_sys(err, "read the archive");
	p->fd = p->spool = fd;
	*got = 0;
	return ret;
}

static la_ssize_t read_first(struct archive *a, void *ctx, const void **buf)
{
	struct unpacker *p = ctx;
	size_t n = p->first;

	if (n == 0)
		return read_in(a, ctx, buf);
	p->first = 0;
	*buf = p->block;
	for (size_t i = 0; i < n; i++)
		p->zeros = p->block[i] ? 0 : p->zeros + 1;
	return (la_ssize_t)n;
}

/* A pipe's first bytes tell what comes; a file is read as it is. */
static int look(struct unpacker *p, struct lc_err *err)
{
	struct stat sb;
	ssize_t n;

	if (fstat(p->fd, &sb) == 0 && S_ISREG(sb.st_mode)) {
		p->seekable = 1;
		return 0;
	}
	while (p->first < 4) {
		n = read(p->fd, p->block + p->first, BLOCK - p->first);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return lc_fail_sys(err, "read the archive");
		if (n == 0)
			break;
		p->first += (size_t)n;
	}
	if (p->first < 4 || !is_zip(p->block))
		return 0;
	p->seekable = 1;
	return spool(p, &p->first, err);
}

static int open_in(struct unpacker *p, struct lc_err *err)
{
	struct archive *a;

	if (lc_archive_open(err) < 0)
		return -1;
	a = p->a = archive_read_new();
	if (!a)
		return lc_fail(err, LC_SYS, "the archive: no memory");
	/* none of the filters that run other programs */
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_format_tar(a);
	if (p->seekable) {
		archive_read_support_format_zip_seekable(a);
		archive_read_set_seek_callback(a, seek_in);
	}
	archive_read_set_read_callback(a, read_first);
	archive_read_set_callback_data(a, p);
	if (archive_read_open1(a) != ARCHIVE_OK) {
		const char *why = archive_error_string(a);
		char text[200];
		snprintf(text, sizeof(text), "no tar or zip that can be read: %s",
			 why ? why : "malformed");
		return bad(p, NULL, text, err);
	}
	return 0;
}

/* Bytes unpacked so far, were the file being read `at` long. */
static int within(struct unpacker *p, const char *path, uint64_t at, struct lc_err *err)
{
	uint64_t max = p->u->max_size ? p->u->max_size : LC_UNPACK_SIZE, sum = p->total + at;
	int64_t in = archive_filter_bytes(p->a, -1);

	if (at > max || sum > max)
		return bad(p, path, "larger than --max-size allows", err);
	if (!p->u->max_size && sum > FREE_BYTES && sum / LC_UNPACK_RATIO > (uint64_t)in)
		return bad(p, path, "grows too much as it is unpacked, as bombs do (--max-size)",
			   err);
	return 0;
}

char *unpack_name(const char *name)
{
	char *out = lc_xalloc(strlen(name) + 2, 1), *q = out;

	if (*name == '/')
		goto bad;
	while (*name) {
		size_t n = strcspn(name, "/");
		if (n == 2 && strncmp(name, "..", 2) == 0)
			goto bad;
		if (n > 0 && !(n == 1 && *name == '.')) {
			if (q > out)
				*q++ = '/';
			memcpy(q, name, n);
			q += n;
		}
		name += n + (name[n] == '/');
	}
	if (q == out)
		strcpy(out, ".");
	return out;
bad:
	free(out);
	return NULL;
}

/* Does a link at path, below the root, lead to what is not in the tree? */
static int leads_out(const char *path, const char *target)
{
	long depth = 0;

	for (const char *s = path; (s = strchr(s, '/')); s++)
		depth++;
	if (*target == '/')
		return 1;
	while (*target) {
		size_t n = strcspn(target, "/");
		if (n == 2 && strncmp(target, "..", 2) == 0)
			depth--;
		else if (n > 0 && !(n == 1 && *target == '.'))
			depth++;
		if (depth < 0)
			return 1;
		target += n + (target[n] == '/');
	}
	return 0;
}

/* Where it goes, with the directories above it, which must be directories. NULL: err says why. */
static char *place(struct unpacker *p, const char *path, struct lc_err *err)
{
	char *full = lc_path("%s/%s", p->u->dir, path), *s = full + strlen(p->u->dir);
	struct stat sb;

	while ((s = strchr(s + 1, '/'))) {
		*s = '\0';
		if (mkdir(full, 0700) < 0 && errno != EEXIST) {
			lc_fail_sys(err, "unpack %s", path);
			goto fail;
		}
		if (lstat(full, &sb) < 0 || !S_ISDIR(sb.st_mode)) {
			bad(p, path, "lies below what is no directory", err);
			goto fail;
		}
		*s = '/';
	}
	return full;
fail:
	free(full);
	return NULL;
}

/* A name that is there already, or what the system said. */
static int taken(struct unpacker *p, const char *path, struct lc_err *err)
{
	return errno == EEXIST ? bad(p, path, "comes twice", err)
			       : lc_fail_sys(err, "unpack %.300s", path);
}

static void add_dir(struct unpacker *p, const char *path, unsigned mode)
{
	if (p->ndirs == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->dirs = lc_xrealloc(p->dirs, p->cap, sizeof(*p->dirs));
	}
	p->dirs[p->ndirs++] = (struct dir){lc_path("%s", path), mode};
}

static int unpack_dir(struct unpacker *p, const char *path, const char *full, unsigned mode,
		      struct lc_err *err)
{
	struct stat sb;

	add_dir(p, path, mode);
	if (strcmp(path, ".") == 0 || mkdir(full, 0700) == 0)
		return 0;
	if (errno != EEXIST || lstat(full, &sb) < 0 || !S_ISDIR(sb.st_mode))
		return taken(p, path, err);
	return 0; /* what lies in it came first; twice is found at the end */
}

static int write_data(struct unpacker *p, const char *path, int fd, uint64_t size,
		      struct lc_err *err)
{
	const void *buf;
	la_int64_t at;
	size_t len;
	int ret;

	while ((ret = archive_read_data_block(p->a, &buf, &len, &at)) == ARCHIVE_OK) {
		if (at < 0 || (uint64_t)at > size || len > size - (uint64_t)at)
			return bad(p, path, "is longer than it says", err);
		if (within(p, path, (uint64_t)at + len, err) < 0)
			return -1;
		for (size_t done = 0; done < len;) {
			ssize_t n = pwrite(fd, (const char *)buf + done, len - done,
					   (off_t)at + (off_t)done);
			if (n < 0 && errno != EINTR)
				return lc_fail_sys(err, "unpack %.300s", path);
			done += n > 0 ? (size_t)n : 0;
		}
		if (p->u->progress)
			p->u->progress(p->u->ctx, (uint64_t)archive_filter_bytes(p->a, -1));
	}
	return ret == ARCHIVE_EOF ? 0 : bad(p, path, archive_error_string(p->a), err);
}

static int unpack_file(struct unpacker *p, struct archive_entry *ae, const char *path,
		       const char *full, struct lc_err *err)
{
	uint64_t size = (uint64_t)archive_entry_size(ae);
	struct stat sb = {0};
	int fd, ret;

	if (!archive_entry_size_is_set(ae) || archive_entry_size(ae) < 0)
		return bad(p, path, "has no size", err);
	if (size > (p->u->max_size ? p->u->max_size : LC_UNPACK_SIZE))
		return within(p, path, size, err);
	fd = open(full, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return taken(p, path, err);
	ret = write_data(p, path, fd, size, err);
	/* a hole at the end is part of it; a member that ends early is not whole */
	if (ret == 0 && archive_entry_sparse_count(ae) > 0 && ftruncate(fd, (off_t)size) < 0)
		ret = lc_fail_sys(err, "unpack %.300s", path);
	if (ret == 0 && (fstat(fd, &sb) < 0 || (uint64_t)sb.st_size != size))
		ret = bad(p, path, "is shorter than it says", err);
	if (ret == 0 && fchmod(fd, archive_entry_perm(ae) & 0777) < 0)
		ret = lc_fail_sys(err, "unpack %.300s", path);
	close(fd);
	if (ret == 0)
		ret = within(p, path, size, err);
	p->total += size;
	p->files++;
	return ret;
}

/* Another name for a file that came before. */
static int unpack_hard(struct unpacker *p, const char *path, const char *full, const char *target,
		       struct lc_err *err)
{
	char *name = unpack_name(target), *from = NULL;
	struct stat sb;
	int ret = -1;

	if (name)
		from = lc_path("%s/%s", p->u->dir, name);
	if (!from || lstat(from, &sb) < 0 || !S_ISREG(sb.st_mode)) {
		bad(p, path, "is a link to no file of the archive", err);
	} else if (link(from, full) < 0) {
		taken(p, path, err);
	} else {
		ret = within(p, path, (uint64_t)sb.st_size, err);
		p->total += (uint64_t)sb.st_size;
		p->files++;
	}
	free(name);
	free(from);
	return ret;
}

static int unpack_link(struct unpacker *p, const char *path, const char *full, const char *target,
		       struct lc_err *err)
{
	if (!target || !*target)
		return bad(p, path, "is a link to nothing", err);
	if (!p->u->any_link && leads_out(path, target))
		return bad(p, path, "is a link that leads out (--any-link)", err);
	return symlink(target, full) < 0 ? taken(p, path, err) : 0;
}

static int unpack_one(struct unpacker *p, struct archive_entry *ae, const char *path,
		      struct lc_err *err)
{
	const char *hard = archive_entry_hardlink(ae);
	unsigned type = archive_entry_filetype(ae);
	char *full = place(p, path, err);
	int ret;

	if (!full)
		return -1;
	if (strcmp(path, ".") == 0 && (hard || type != AE_IFDIR))
		ret = bad(p, path, "is no directory", err);
	else if (hard)
		ret = unpack_hard(p, path, full, hard, err);
	else if (type == AE_IFREG)
		ret = unpack_file(p, ae, path, full, err);
	else if (type == AE_IFDIR)
		ret = unpack_dir(p, path, full, archive_entry_perm(ae) & 0777, err);
	else if (type == AE_IFLNK)
		ret = unpack_link(p, path, full, archive_entry_symlink(ae), err);
	else
		ret = bad(p, path, "is not a file, a directory or a link", err);
	free(full);
	return ret;
}

static int unpack_member(struct unpacker *p, struct archive_entry *ae, struct lc_err *err)
{
	const char *name = archive_entry_pathname(ae);
	char *path;
	int ret;

	if (!name || !*name)
		return bad(p, NULL, "a member without a name that can be read", err);
	if (p->notes_seen)
		return bad(p, name, "comes after " LC_NOTES, err);
	if (++p->members > LC_UNPACK_MEMBERS)
		return bad(p, NULL, "has too many members", err);
	path = unpack_name(name);
	if (!path)
		return bad(p, name, "leads out of the tree", err);
	if (!p->u->plain && strcmp(path, LC_NOTES) == 0)
		p->notes_seen = 1;
	else if (!strchr(path, '/') && !archive_entry_hardlink(ae) && !p->only &&
		 archive_entry_filetype(ae) == AE_IFREG)
		p->only = lc_path("%s", path);
	ret = unpack_one(p, ae, path, err);
	free(path);
	return ret;
}

static int unpack_all(struct unpacker *p, struct lc_err *err)
{
	struct archive_entry *ae;
	int ret;

	while ((ret = archive_read_next_header(p->a, &ae)) == ARCHIVE_OK)
		if (unpack_member(p, ae, err) < 0)
			return -1;
	if (ret != ARCHIVE_EOF)
		return bad(p, NULL, archive_error_string(p->a), err);
	/* libarchive takes the end of a plain tar's file for its end; a compressed one says so
	 * itself */
	if ((archive_format(p->a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR &&
	    archive_filter_count(p->a) == 1 && p->ended && p->zeros < ZERO)
		return bad(p, NULL, "ends early", err);
	return 0;
}

int lc_unpack(struct lc_unpack *u, int fd, struct lc_err *err)
{
	struct unpacker p = {.u = u, .fd = fd, .spool = -1};
	int ret;

	u->notes = NULL;
	u->single = NULL;
	p.block = lc_xalloc(BLOCK, 1);
	ret = look(&p, err);
	if (ret == 0)
		ret = open_in(&p, err);
	if (ret == 0)
		ret = unpack_all(&p, err);
	archive_read_free(p.a);
	if (p.spool >= 0)
		close(p.spool);
	free(p.block);
	if (ret == 0 && p.notes_seen)
		ret = unpack_notes(&p, err);
	if (ret == 0)
		ret = unpack_finish(&p, err);
	for (size_t i = 0; i < p.ndirs; i++)
		free(p.dirs[i].path);
	free(p.dirs);
	free(p.only);
	if (ret < 0)
		lc_unpack_release(u);
	return ret;
}

void lc_unpack_release(struct lc_unpack *u)
{
	json_decref(u->notes);
	free(u->single);
	u->notes = NULL;
	u->single = NULL;
}
