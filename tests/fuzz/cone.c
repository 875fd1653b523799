/*
 * cone: any bytes as the records of a run. Whatever they are, the page has one script and no number
 * that cannot be drawn, and nothing of theirs reaches a terminal that could work on it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../cmd/lc-cone/figure.h"
#include "../../cmd/lc-cone/page.h"
#include "../../cmd/lc-cone/tell.h"
#include "../../cmd/lc-cone/tty.h"

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

/* What is drawn, between ` d="` and the quote: numbers. */
static void check_paths(const char *text)
{
	while ((text = strstr(text, " d=\""))) {
		size_t len;
		text += 4;
		len = strcspn(text, "\"");
		if (strspn(text, "MmhHvVlLz0123456789.,- ") != len)
			abort();
	}
}

static void page(const struct cone *c)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct lc_err err;

	if (!f || page_write(f, c, c->run ? c->run : "run", &err) < 0 || fclose(f) == EOF)
		abort();
	if (count(text, "<script") != 1 || count(text, "</script>") != 1 ||
	    count(text, "<tr") != count(text, "</tr>") || count(text, "<g") != count(text, "</g>"))
		abort();
	check_paths(strstr(text, "<body"));
	free(text);
}

static void terminal(struct cone *c)
{
	static const struct tty sizes[] = {{100, 40, 0}, {20, 8, 0}};
	char *text = NULL;
	size_t len;

	for (size_t i = 0; i < 2; i++) {
		FILE *f = open_memstream(&text, &len);
		if (!f)
			abort();
		tty_write(f, c, &sizes[i]);
		board_write(f, c, &sizes[i]);
		board_news(f, c);
		fclose(f);
		for (size_t k = 0; k < len; k++)
			if (((unsigned char)text[k] < ' ' && text[k] != '\n') || text[k] == 0x7f)
				abort();
		free(text);
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *line = (const char *)data, *end;
	static const struct lc_names names;
	struct cone c = {0};
	unsigned long n = 0;

	while (len > 0) {
		size_t size;
		end = memchr(line, '\n', len);
		size = end ? (size_t)(end - line) : len;
		cone_take(&c, "fuzz", ++n, line, size, &names);
		len -= end ? size + 1 : size;
		line += size + 1;
	}
	if (!cone_is_empty(&c)) {
		page(&c);
		terminal(&c);
	}
	cone_release(&c);
	return 0;
}
