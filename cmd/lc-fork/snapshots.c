/* snapshots: the store as lc-fork sees it, through lc-snap's command line. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fork.h"
#include "io.h"
#include "json.h"
#include "tool.h"

json_t *snapshots_list(const char *store, const char *run, struct lc_err *err)
{
	char *argv[] = {"lc-snap", "list", "-j", "-s", (char *)store, NULL, NULL, NULL};
	json_t *all;

	if (run) {
		argv[5] = "--run";
		argv[6] = (char *)run;
	}
	all = lc_tool_good_records(argv, err); /* one damaged snapshot is no reason to have none */
	for (size_t i = json_array_size(all); i-- > 0;) /* nor are parts of one a state */
		if (strcmp(lc_json_get_str(json_array_get(all, i), "type", ""), "snapshot") != 0)
			json_array_remove(all, i);
	return all;
}

int snapshot_restore(const char *store, const char *id, const char *dir, struct lc_err *err)
{
	char *argv[] = {"lc-snap",     "restore",  "-q",	"--read-only", "-s",
			(char *)store, (char *)id, (char *)dir, NULL};
	json_t *said;

	if (access(dir, F_OK) == 0)
		return 0; /* restored by an earlier run of this fork: it appeared whole */
	said = lc_tool_records(argv, err);
	if (!said)
		return -1;
	json_decref(said);
	return 0;
}
