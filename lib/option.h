/*
 * option: the values of command-line options, for programs: each is right, or ends the program with
 * one line on stderr and status 2.
 */
#ifndef LC_OPTION_H
#define LC_OPTION_H

/* opt is the option's name as the user knows it ("--alpha"); the bounds are inside. */
double lc_option_number(const char *arg, const char *opt, double min, double max);
/* A size in bytes, at least 1, with K, M, G or T for powers of 1024. */
unsigned long long lc_option_bytes(const char *arg, const char *opt);
long lc_option_whole(const char *arg, const char *opt, long min, long max);

#endif
