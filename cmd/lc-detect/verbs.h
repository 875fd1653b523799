/*
 * verbs: what lc-detect can do besides detecting by its own index.
 */
#ifndef LC_DETECT_VERBS_H
#define LC_DETECT_VERBS_H

/* lc-detect score ...; argv[0] is "score". The exit status. */
int score_main(int argc, char **argv);

/* lc-detect --rule NAME: alert records of a peer's rule on these files ("-": standard input). The
 * exit status. */
struct lc_names;
int rule_main(const char *rule, const struct lc_names *names, int first_only, int quiet,
	      char *const *files, int n);

/* lc-detect -c DIR: every file a run of its own, from where the last call left off. The exit
 * status. */
struct asked;
struct siblings;
int cron_main(const char *dir, const struct asked *asked, const struct siblings *siblings,
	      char *const *files, int n);

#endif
