/*
 * store_write: the new pack on its way to the disk. See store_impl.h.
 *
 * Bytes are gathered in buffers; full ones are written by a thread, straight to the disk, or the
 * system is told to begin with the disk at once: the fsync at the end has little left to wait for.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "store_impl.h"

#define BUFFER ((size_t)2 << 20)
#define BUFFERS 4

struct writer {
	struct lc_tmp tmp;
	uint64_t end;
	int direct; /* written without the page cache */
	unsigned char *buf[BUFFERS];
	size_t fill; /* of buf[filled % BUFFERS] */
	/* shared with the thread, below the lock */
	unsigned long filled, written; /* buffers, so far */
	int started, stop;
	struct lc_err err; /* the first that went wrong */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
};

/*
 * Past the page cache, where the file system can: copying there costs as much as all of the coding,
 * and pushes out what the trainer has there.
 */
static void set_direct(struct writer *w, int on)
{
	int flags = fcntl(w->tmp.fd, F_GETFL);

	if (flags >= 0)
		w->direct =
			fcntl(w->tmp.fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0 &&
			on;
}

int writer_open(struct writer **w, const char *dir, struct lc_err *err)
{
	char *prefix = lc_path("%s/tmp/", dir);
	struct writer *new = lc_xalloc(1, sizeof(*new));
	int ret = lc_tmp_file(&new->tmp, prefix, err);

	free(prefix);
	if (ret < 0) {
		free(new);
		return -1;
	}
	set_direct(new, 1);
	pthread_mutex_init(&new->lock, NULL);
	pthread_cond_init(&new->change, NULL);
	*w = new;
	return 0;
}

/* A file system may take the flag and not the write, or only some. */
static int write_buffer(struct writer *w, const void *buf, off_t at, struct lc_err *err)
{
	if (lc_write_all(w->tmp.fd, buf, BUFFER, w->tmp.path, err) == 0)
		return 0;
	if (!w->direct)
		return -1;
	set_direct(w, 0);
	return lseek(w->tmp.fd, at, SEEK_SET) < 0
		       ? -1
		       : lc_write_all(w->tmp.fd, buf, BUFFER, w->tmp.path, err);
}

static void write_one(struct writer *w, unsigned long number)
{
	struct lc_err err = {0};
	off_t at = (off_t)(number * BUFFER);
	int ret = write_buffer(w, w->buf[number % BUFFERS], at, &err);

	if (ret == 0 && !w->direct)
		sync_file_range(w->tmp.fd, at, (off_t)BUFFER, SYNC_FILE_RANGE_WRITE);
	pthread_mutex_lock(&w->lock);
	if (ret < 0 && !w->err.code)
		w->err = err;
	w->written++;
	pthread_cond_signal(&w->change);
	pthread_mutex_unlock(&w->lock);
}

static void *write_all(void *arg)
{
	struct writer *w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (w->written == w->filled && !w->stop)
			pthread_cond_wait(&w->change, &w->lock);
		if (w->written == w->filled || w->err.code)
			break;
		pthread_mutex_unlock(&w->lock);
		write_one(w, w->written); /* nobody else changes it */
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* The buffer is full: it goes to the thread, and the next one is waited for. */
static int pass_on(struct writer *w, struct lc_err *err)
{
	int ret = 0;

	pthread_mutex_lock(&w->lock);
	w->filled++;
	w->fill = 0;
	if (!w->started) {
		w->started = pthread_create(&w->thread, NULL, write_all, w) == 0;
		ret = w->started ? 0 : lc_fail_sys(err, "start a thread");
	}
	pthread_cond_signal(&w->change);
	while (ret == 0 && !w->err.code && w->filled - w->written >= BUFFERS)
		pthread_cond_wait(&w->change, &w->lock);
	if (ret == 0 && w->err.code)
		ret = lc_fail(err, w->err.code, "%s", w->err.text);
	pthread_mutex_unlock(&w->lock);
	return ret;
}

int writer_add(struct writer *w, const void *buf, size_t len, struct lc_err *err)
{
	const unsigned char *p = buf;

	while (len > 0) {
		unsigned char **b = &w->buf[w->filled % BUFFERS];
		size_t n = BUFFER - w->fill < len ? BUFFER - w->fill : len;
		if (!*b)
			*b = lc_xbuffer(BUFFER); /* aligned as any disk asks for */
		memcpy(*b + w->fill, p, n);
		w->fill += n;
		w->end += n;
		p += n;
		len -= n;
		if (w->fill == BUFFER && pass_on(w, err) < 0)
			return -1;
	}
	return 0;
}

uint64_t writer_end(const struct writer *w)
{
	return w->end;
}

static void stop(struct writer *w)
{
	if (!w->started)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = 1;
	pthread_cond_signal(&w->change);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	w->started = 0;
}

static void release(struct writer *w)
{
	for (int i = 0; i < BUFFERS; i++)
		free(w->buf[i]);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->change);
	free(w);
}

int writer_commit(struct writer *w, const char *path, struct lc_err *err)
{
	int ret = 0;

	stop(w);
	set_direct(w, 0);
	if (w->err.code)
		ret = lc_fail(err, w->err.code, "%s", w->err.text);
	if (ret == 0 && w->fill)
		ret = lc_write_all(w->tmp.fd, w->buf[w->filled % BUFFERS], w->fill, path, err);
	if (ret < 0)
		lc_tmp_abort(&w->tmp);
	else
		ret = lc_tmp_commit(&w->tmp, path, err);
	release(w);
	return ret;
}

void writer_abort(struct writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	if (!w->err.code)
		w->err.code = LC_SYS; /* what is not written yet need not be */
	pthread_mutex_unlock(&w->lock);
	stop(w);
	lc_tmp_abort(&w->tmp);
	release(w);
}
