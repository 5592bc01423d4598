/* Calls the skill itself, without a host. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "coworker_skill.h"

static void expect(const char *input, cw_end end, const char *part) {
    cw_text out = {0};
    cw_end got = cw_skills[0].run(input, strlen(input), &out);
    if (got != end || !strstr(out.bytes, part)) {
        fprintf(stderr, "%s\n  gave %d %s\n  not  %d %s\n", input, got, out.bytes, end, part);
        assert(!"as expected");
    }
    cw_free(&out);
}

int main(void) {
    expect("{\"text\":\"\"}", CW_OK, "\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"");
    expect("{\"text\":\"123456789\"}", CW_OK, "\"bytes\":9,\"crc32\":\"cbf43926\",\"adler32\":\"091e01de\",\"fnv1a\":\"06d5573923c6cdfc\"");
    expect("{\"text\":\"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq\"}", CW_OK,
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    /* escapes, a pair of surrogates, other keys before and after */
    expect("{ \"a\" : [1, {\"text\": \"no\"} ] , \"b\": \"x\" , \"c\": -1.5e3 , \"text\": \"\\u0061\\n\\ud83d\\ude00\", \"z\": null}", CW_OK, "\"bytes\":6,");
    expect("{\"other\":\"x\"}", CW_INVALID_INPUT, "`text` is missing");
    expect("{\"text\":7}", CW_INVALID_INPUT, "`text` is missing");
    puts("ok");
    return 0;
}
