/*
 * probes: any bytes as what probes of an incident came to, and as the log it happened in: the
 * verdict is one of the causes, has a reason, and is the same each time.
 */
#include <sys/mman.h>
#include <unistd.h>

/* The program's own files: there is no library of them. */
#include "../../cmd/lc-fork/blame.c"
#include "../../cmd/lc-fork/incident.c"
#include "../../cmd/lc-fork/past.c"

static const char *const causes[] = {"data",	    "state",	      "lr",
				     "interaction", "nondeterminism", "unclear"};

static int judge(const char *path, struct verdict *v)
{
	struct incident in = {.found = json_object()};
	struct metric loss = {.which = LC_LOSS};
	struct lc_err err;
	json_t *alert = json_pack("{s:i,s:i,s:i}", "step", 66, "onset", 60, "rewind", 55);
	int ret = -1;

	if (past_read_run(&in.run, path, &loss, &err) == 0 &&
	    pasts_read(&in.probes, path, &loss, &err) == 0 &&
	    incident_measure(&in, alert, path, &err) == 0) {
		blame(&in, v);
		ret = 0;
	}
	past_release(&in.run);
	pasts_release(&in.probes);
	json_decref(in.found);
	json_decref(alert);
	return ret;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct verdict once = {"unclear", "-"}, again = {"unclear", "-"};
	int fd = memfd_create("probes", 0), ret, known = 0;
	char path[64];

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = judge(path, &once);
	if (judge(path, &again) != ret || strcmp(once.cause, again.cause) != 0 ||
	    strcmp(once.why, again.why) != 0 || !*once.why)
		abort();
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		known |= strcmp(once.cause, causes[i]) == 0;
	if (!known)
		abort();
	close(fd);
	return 0;
}
