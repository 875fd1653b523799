/* remote: which kind of store a word means, and what all kinds have in common. See remote.h. */
#include "remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct far_file *)a)->name, ((const struct far_file *)b)->name);
}

/* "<dir><64 digits><end>" */
static int is_name(const char *name, const char *dir, const char *end)
{
	size_t at = strlen(dir);

	return strncmp(name, dir, at) == 0 && strspn(name + at, "0123456789abcdef") == LC_HEX_LEN &&
	       strcmp(name + at + LC_HEX_LEN, end) == 0;
}

int far_list_add(struct far_list *l, const char *name, uint64_t size)
{
	if (!is_name(name, "packs/", ".pack") && !is_name(name, "snapshots/", ".json"))
		return -1;
	if ((l->n & (l->n - 1)) == 0) /* room for the next power of two */
		l->f = lc_xrealloc(l->f, l->n ? 2 * l->n : 1, sizeof(*l->f));
	snprintf(l->f[l->n].name, FAR_NAME, "%s", name);
	l->f[l->n++].size = size;
	return 0;
}

void far_list_sort(struct far_list *l)
{
	if (l->n > 0)
		qsort(l->f, l->n, sizeof(*l->f), by_name);
}

const struct far_file *far_list_find(const struct far_list *l, const char *name)
{
	struct far_file key;

	snprintf(key.name, sizeof(key.name), "%s", name);
	return l->n > 0 ? bsearch(&key, l->f, l->n, sizeof(*l->f), by_name) : NULL;
}

void far_list_release(struct far_list *l)
{
	free(l->f);
	memset(l, 0, sizeof(*l));
}

int sink_take(struct sink *s, const void *buf, size_t len, struct lc_err *err)
{
	if (len > s->left)
		return lc_fail(err, LC_DATA, "more bytes came than were said to be there");
	s->left -= len;
	return s->take(s, buf, len, err);
}

void remote_tick(struct remote *r, uint64_t bytes)
{
	if (r->total > 0)
		progress(r->o, r->done + bytes,
			 r->total > r->done + bytes ? r->total : r->done + bytes);
}

int remote_version(struct remote *r, const char *text, size_t len, struct lc_err *err)
{
	char want[32];

	for (int v = 1; v <= LC_STORE_VERSION; v++) {
		snprintf(want, sizeof(want), "lc-store %d\n", v);
		if (len == strlen(want) && memcmp(text, want, len) == 0) {
			r->version = v;
			return 0;
		}
	}
	return lc_fail(err, LC_DATA, "a store of a version this program does not know");
}

/* ssh://[user@]host[:port]/path; what follows is a path from the home directory after "/~/". */
static int parse_url(struct remote *r, const char *url, struct lc_err *err)
{
	const char *slash = strchr(url, '/'), *close = strchr(url, ']'), *colon;
	const char *end = slash ? slash : url + strlen(url);

	colon = close && close < end ? close : url;
	colon = memchr(colon, ':', (size_t)(end - colon));
	if (colon) {
		r->port = lc_path("%.*s", (int)(end - colon - 1), colon + 1);
		if (strspn(r->port, "0123456789") != strlen(r->port) || !*r->port)
			return lc_fail(err, LC_USAGE, "%s: not a port", r->port);
		end = colon;
	}
	r->host = lc_path("%.*s", (int)(end - url), url);
	if (!slash)
		return lc_fail(err, LC_USAGE, "ssh://%s: no path", url);
	r->path = lc_path("%s", strncmp(slash, "/~/", 3) == 0 ? slash + 3 : slash);
	return 0;
}

/* A host in brackets, as addresses with colons are written, is without them for ssh. */
static void strip_brackets(char *host)
{
	char *at = strrchr(host, '@'), *open = at ? at + 1 : host;
	size_t n = strlen(open);

	if (n > 2 && open[0] == '[' && open[n - 1] == ']') {
		memmove(open, open + 1, n - 2);
		open[n - 2] = '\0';
	}
}

static int parse(struct remote *r, const char *spec, struct lc_err *err)
{
	const char *colon = strchr(spec, ':'), *slash = strchr(spec, '/');
	const char *close = spec[0] == '[' || strstr(spec, "@[") ? strstr(spec, "]:") : NULL;
	int ret = 0;

	if (close && (!slash || close < slash))
		colon = close + 1;
	if (strncmp(spec, "rclone:", 7) == 0) {
		r->ops = &remote_rclone;
		r->path = lc_path("%s", spec + 7);
		return spec[7] && spec[7] != '-' ? 0
						 : lc_fail(err, LC_USAGE, "%s: no remote", spec);
	}
	if (strncmp(spec, "ssh://", 6) != 0 && (!colon || (slash && slash < colon))) {
		r->ops = &remote_dir;
		r->path = lc_path("%s", spec);
		return *spec ? 0 : lc_fail(err, LC_USAGE, "no store named");
	}
	r->ops = &remote_ssh;
	if (strncmp(spec, "ssh://", 6) == 0) {
		ret = parse_url(r, spec + 6, err);
	} else {
		r->host = lc_path("%.*s", (int)(colon - spec), spec);
		r->path = lc_path("%s", strncmp(colon + 1, "~/", 2) == 0 ? colon + 3 : colon + 1);
	}
	if (ret < 0)
		return -1;
	strip_brackets(r->host);
	if (!*r->host || *r->host == '-' || !*r->path)
		return lc_fail(err, LC_USAGE, "%s: no host, or no path", spec);
	return 0;
}

char *remote_shown(const char *spec)
{
	char *shown = lc_path("%s", spec);

	for (char *p = shown; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return shown;
}

/* All words of err, with where it was in front. */
static int there(const struct remote *r, int ret, struct lc_err *err)
{
	struct lc_err why = *err;

	if (ret < 0 && why.code != LC_USAGE && r->ops != &remote_dir)
		lc_fail(err, why.code, "%.150s: %.300s", r->what, why.text);
	return ret;
}

int remote_open(struct remote *r, const struct opts *o, const char *spec, enum remote_use use,
		struct lc_err *err)
{
	int ret;

	memset(r, 0, sizeof(*r));
	r->what = remote_shown(spec);
	r->o = o;
	r->hold = -1;
	ret = parse(r, spec, err);
	if (ret == 0)
		ret = there(r, r->ops->open(r, use, err), err);
	if (ret < 0)
		remote_close(r);
	return ret;
}

void remote_close(struct remote *r)
{
	if (r->ops)
		r->ops->close(r);
	far_list_release(&r->first);
	free(r->what);
	free(r->host);
	free(r->port);
	free(r->path);
	memset(r, 0, sizeof(*r));
}

int remote_list(struct remote *r, struct far_list *l, struct lc_err *err)
{
	int ret;

	memset(l, 0, sizeof(*l));
	ret = there(r, r->version ? r->ops->list(r, l, err) : 0, err);
	far_list_sort(l);
	return ret;
}

int remote_put(struct remote *r, const char *path, const struct far_file *f, struct lc_err *err)
{
	int ret = there(r, r->ops->put(r, path, f, err), err);

	r->done += f->size;
	remote_tick(r, 0);
	return ret;
}

int remote_get(struct remote *r, const struct far_file *f, size_t n, struct sink *s,
	       struct lc_err *err)
{
	uint64_t sum = 0;
	int ret;

	for (size_t i = 0; i < n; i++)
		sum = f[i].size > UINT64_MAX - sum ? UINT64_MAX : sum + f[i].size;
	s->left = sum;
	ret = there(r, r->ops->get(r, f, n, s, err), err);
	r->done += sum - s->left;
	return ret;
}

int remote_tail(struct remote *r, const struct far_file *f, size_t n, uint64_t most, struct sink *s,
		struct lc_err *err)
{
	s->left = 0;
	for (size_t i = 0; i < n; i++)
		s->left += f[i].size < most ? f[i].size : most;
	return there(r, r->ops->tail(r, f, n, most, s, err), err);
}
