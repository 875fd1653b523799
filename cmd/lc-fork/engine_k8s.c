/*
 * engine_k8s: branches as an indexed Job of Kubernetes: its YAML is written to DIR/jobs/K.yaml, and
 * handed to --submit (with {file}) where that is given ('kubectl apply -f {file}'); else whoever
 * runs the cluster applies it. Then the status files are watched: the fork's directory is on the
 * volume --claim, mounted in the containers where it is here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "io.h"
#include "template.h"

/* A name as Kubernetes takes it: lower case, digits and -. */
static char *job_name(const struct fleet *f)
{
	char *name = lc_path("lc-%.40s-%d", f->name, f->job.batch);

	for (char *p = name; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
		else if ((*p < 'a' || *p > 'z') && (*p < '0' || *p > '9'))
			*p = '-';
	}
	return name;
}

/* A YAML scalar in single quotes. */
static void put(FILE *m, const char *before, const char *value)
{
	fprintf(m, "%s'", before);
	for (; *value; value++)
		fputs(*value == '\'' ? "''" : (char[]){*value, '\0'}, m);
	fputs("'\n", m);
}

/* --claim NAME, or NAME:MOUNT where the volume is mounted elsewhere than at the fork. */
static void put_volume(FILE *m, const struct fleet *f)
{
	const char *claim = f->set->claim, *colon = strchr(claim, ':');
	char *name = lc_path("%.*s", (int)strcspn(claim, ":"), claim);

	fputs("          volumeMounts:\n            - name: fork\n", m);
	put(m, "              mountPath: ", colon ? colon + 1 : f->dir);
	fputs("      volumes:\n        - name: fork\n          persistentVolumeClaim:\n", m);
	put(m, "            claimName: ", name);
	free(name);
}

static char *yaml(const struct fleet *f, const char *list, int n)
{
	char *text = NULL, *name = job_name(f), *ql = lc_shell_quote(list),
	     *qd = lc_shell_quote(f->dir), *run;
	size_t len;
	FILE *m = open_memstream(&text, &len);

	if (!m)
		abort();
	run = lc_path("exec lc-fork one --list %s --index \"$JOB_COMPLETION_INDEX\" %s", ql, qd);
	fputs("apiVersion: batch/v1\nkind: Job\nmetadata:\n", m);
	put(m, "  name: ", name);
	fprintf(m,
		"spec:\n  completionMode: Indexed\n  completions: %d\n  parallelism: %d\n"
		"  backoffLimit: %d\n  template:\n    spec:\n      restartPolicy: Never\n"
		"      containers:\n        - name: branch\n",
		n, f->set->jobs < n ? f->set->jobs : n, n * f->set->retries);
	put(m, "          image: ", f->set->image);
	fputs("          command:\n            - /bin/sh\n            - -c\n", m);
	put(m, "            - ", run);
	if (f->set->claim)
		put_volume(m, f);
	if (fclose(m) == EOF)
		abort();
	free(run);
	free(qd);
	free(ql);
	free(name);
	return text;
}

static int hand_over(const struct fleet *f, const char *file, struct lc_err *err)
{
	char *words[] = {(char *)file, NULL}, *filled;
	const struct lc_hole hole = {"file", words};
	int ret;

	if (!f->set->submit) {
		lc_warn("to be applied: %s", file);
		return 0;
	}
	filled = lc_template_fill(f->set->submit, &hole, 1, err);
	if (!filled)
		return -1;
	char *argv[] = {"/bin/sh", "-c", filled, NULL};
	ret = engine_call(argv, NULL, NULL, err);
	free(filled);
	return ret == 0 ? 0 : -1;
}

static int open_k8s(struct fleet *f, struct lc_err *err)
{
	if (!f->set->image)
		return lc_fail(err, LC_USAGE, "run: the engine k8s wants --image");
	return elsewhere_open(f, err);
}

static int start(struct fleet *f, struct branch **b, int n, struct lc_err *err)
{
	char *name = lc_path("%d", f->job.batch), *list = elsewhere_list(f, name, b, n, err);
	char *file = lc_path("%s/jobs/%d.yaml", f->dir, f->job.batch), *text = NULL;
	int ret = list ? 0 : -1;

	for (int i = 0; i < n && ret == 0; i++)
		ret = elsewhere_submit(f, b[i], name, err);
	if (ret == 0) {
		text = yaml(f, list, n);
		ret = lc_put_file(file, text, strlen(text), err);
	}
	if (ret == 0)
		ret = hand_over(f, file, err);
	f->job.batch++;
	free(text);
	free(file);
	free(list);
	free(name);
	return ret;
}

static void stop(struct fleet *f)
{
	(void)f; /* the cluster's: `kubectl delete job` */
}

const struct engine engine_k8s = {"k8s", 1,    open_k8s, elsewhere_room, start, elsewhere_look,
				  NULL,	 stop, NULL};
