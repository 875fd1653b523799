/*
 * store_role: what part of a training state a file is, told from its name, the names of
 * its tensors, and the keys of a state.json. Nothing is ever unpickled.
 */
#ifndef LC_STORE_ROLE_H
#define LC_STORE_ROLE_H

#include <jansson.h>

enum lc_role {
	LC_WEIGHTS = 1,
	LC_OPTIMIZER = 2,
	LC_RNG = 4,
	LC_DATASET = 8, /* the position in the data, "data" in records */
	LC_SCHEDULER = 16,
	LC_SCALER = 32,
	LC_DETECTOR = 64,
};

/* What a run needs to go on as if it had not stopped; a schedule is often a function of the step.
 */
#define LC_ROLES_NEEDED (LC_WEIGHTS | LC_OPTIMIZER | LC_RNG | LC_DATASET)

/* The roles of a file by its name (its path's last part); 0 when it is not known. */
unsigned lc_role_of_name(const char *name);

/*
 * The role of a tensor, or of a key of a checkpoint, by its name as a path through dictionaries
 * ("optimizer.state.3.exp_avg", "model.layers.0.mlp.weight"); 0 when it tells nothing.
 */
unsigned lc_role_of_tensor(const char *name);

/* The roles that the keys of a state.json stand for. */
unsigned lc_role_of_state(const json_t *state);

/* ["weights",...] in the order of the bits; new reference. */
json_t *lc_role_names(unsigned roles);

/* Of a list with commas; "all" and "complete" are those a run needs. 0: one is none. */
unsigned lc_role_list(const char *text);

/* The bits of such an array; -1 when it is anything else. */
int lc_role_parse(const json_t *names);

/* The digits at the end of a name ("step-00000100", "model_0500.bin" without its ending), or -1. */
long lc_role_step(const char *name);

#endif
