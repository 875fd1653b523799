/* push_pack: a pack on its way to another store. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "push.h"

/* Compares what comes with the file here. */
struct compare {
	int fd;
	int differs;
};

static int take_compare(struct sink *s, const void *buf, size_t len, struct lc_err *err)
{
	struct compare *c = s->ctx;
	char *mine = lc_xalloc(len, 1);
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(c->fd, mine + got, len - got);
		if (n < 0) {
			free(mine);
			return lc_fail_sys(err, "read a pack");
		}
		if (n == 0)
			break;
		got += (size_t)n;
	}
	c->differs |= got != len || memcmp(mine, buf, len) != 0;
	free(mine);
	return 0;
}

int push_read_back(struct pusher *p, const struct pack *k, struct lc_err *err)
{
	struct compare c = {.fd = open(k->path, O_RDONLY | O_CLOEXEC)};
	struct sink s = {take_compare, &c, 0};
	int ret = c.fd < 0 ? lc_fail_sys(err, "open %s", k->path)
			   : remote_get(&p->r, &k->f, 1, &s, err);

	if (c.fd >= 0)
		close(c.fd);
	return ret < 0 ? -1 : !c.differs && s.left == 0;
}

int push_pack(struct pusher *p, struct pack *k, struct lc_err *err)
{
	int same;

	if (k->there)
		return 0;
	if (packs_check(k, err) < 0 || remote_put(&p->r, k->path, &k->f, err) < 0)
		return -1;
	k->there = 1;
	p->t.packs++;
	p->t.bytes += k->f.size;
	if (!p->o->verify)
		return 0;
	same = push_read_back(p, k, err);
	return same == 0  ? lc_fail(err, LC_SYS, "%s: %s there is not what was sent", p->r.what,
				    k->f.name)
	       : same < 0 ? -1
			  : 0;
}
