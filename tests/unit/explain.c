/* explain: the words of a decision, and that no contents of a record are taken for granted. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "json.h"

static char *told(const char *text)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);
	struct lc_err err;
	json_t *d = lc_json_parse(text, strlen(text), "test", &err);

	cr_assert(d && f, "%s", text);
	lc_explain_occasion(f, d, d);
	lc_explain_choice(f, d);
	lc_explain_arms(f, d);
	lc_explain_margin(f, d);
	lc_explain_cost(f, d);
	lc_explain_fates(f, d);
	fclose(f);
	json_decref(d);
	return out;
}

static void says(const char *text, const char *what)
{
	char *out = told(text);

	cr_assert(strstr(out, what), "no \"%s\" in: %s", what, out);
	free(out);
}

#define BETTER "\"verdict\":\"better\",\"choice\":\"b1\",\"actions\":{\"lr_scale\":0.5}"

Test(explain, a_choice_and_its_gain)
{
	says("{" BETTER ",\"gain\":0.25,\"ci\":[0.1,0.4],\"reported_on\":\"test_loss\"}",
	     "Choice: b1, learning rate x 0.5: gains 0.2500 nats of test_loss, between 0.1000 and "
	     "0.4000.\n");
}

Test(explain, a_gain_over_what_is_not_finite)
{
	says("{" BETTER ",\"gain\":\"inf\",\"ci\":[\"inf\",\"inf\"]}",
	     "Choice: b1, learning rate x 0.5: it stays finite, and doing nothing does not.\n");
}

Test(explain, what_would_have_changed_the_answer)
{
	says("{" BETTER ",\"arms\":[{\"branch\":\"b1\",\"gain\":0.2,\"lower\":0.1},"
	     "{\"branch\":\"b2\",\"gain\":0.15,\"lower\":0.05,\"passes\":true}]}",
	     "a gain of b1 smaller by 0.1000, or noise 2.0 times as large; without b1 it would be "
	     "b2.\n");
}

Test(explain, fates_with_one_reason_are_one_line)
{
	says("{\"not_counted\":[{\"branch\":\"b1\",\"status\":\"void\",\"why\":\"x\"},"
	     "{\"branch\":\"b1.cool\",\"status\":\"void\",\"why\":\"y\"},"
	     "{\"branch\":\"b2\",\"status\":\"void\",\"why\":\"x\"}]}",
	     "Not counted: b1 b2 void, x\n");
}

Test(explain, contents_of_any_kind)
{
	static const char *const odd[] = {
		"{}",
		"[]",
		"7",
		"{\"arms\":7,\"actions\":[],\"ci\":{},\"noise\":[],\"cost\":\"\",\"credit\":1}",
		"{\"verdict\":\"better\",\"arms\":[{},[],7,{\"branch\":7,\"law\":[]}]}",
		"{\"not_counted\":[{},7,[]],\"choice\":[],\"gain\":\"nan\",\"ci\":[\"inf\"]}",
		"{\"kind\":[],\"cause\":{},\"first\":7,\"actions\":{\"skip\":7,\"lr_tail\":1}}"};

	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		free(told(odd[i]));
}
