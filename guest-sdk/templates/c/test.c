/* Calls the skill itself, without a host. */
#include <stdio.h>
#include <string.h>

#include "coworker_skill.h"

static int expect(const char *input, cw_end end, const char *output) {
    cw_text out = {0};
    cw_end got = cw_skills[0].run(input, strlen(input), &out);
    int wrong = got != end || strcmp(out.bytes, output) != 0;
    if (wrong) fprintf(stderr, "%s\n  gave %d %s\n  not  %d %s\n", input, got, out.bytes, end, output);
    cw_free(&out);
    return wrong;
}

int main(void) {
    return expect("{\"name\":\"Ada\"}", CW_OK, "{\"text\":\"Hello, Ada!\"}") +
           expect("{\"name\":\"\\\"\\u00e9\\n\"}", CW_OK, "{\"text\":\"Hello, \\\"é\\u000a!\"}") +
           expect("{}", CW_INVALID_INPUT, "`name` is missing");
}
