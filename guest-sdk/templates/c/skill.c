/* The skill {{name}}. */
#include "coworker_skill.h"

static cw_end greet(const char *input, size_t length, cw_text *out) {
    cw_text name = {0};
    if (!cw_get_text(input, length, "name", &name)) return cw_fail(out, CW_INVALID_INPUT, "`name` is missing");
    cw_text text = {0};
    cw_add(&text, "Hello, ");
    cw_add_bytes(&text, name.bytes, name.length);
    cw_add(&text, "!");
    cw_add(out, "{\"text\":");
    cw_add_json(out, text.bytes, text.length);
    cw_add(out, "}");
    cw_free(&name);
    cw_free(&text);
    return CW_OK;
}

const cw_skill cw_skills[] = {{
    .name = "{{name}}",
    .version = "0.1.0",
    .category = "compute",
    .description = "Greets somebody by name.",
    .when_to_use = "Somebody is to be greeted",
    .input_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\"],\"properties\":{"
                    "\"name\":{\"type\":\"string\",\"description\":\"Whom to greet.\"}}}",
    .output_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"text\"],\"properties\":{"
                     "\"text\":{\"type\":\"string\",\"description\":\"The greeting.\"}}}",
    .min_tier = CW_KNOWN,
    .run = greet,
}};
const size_t cw_skill_count = sizeof cw_skills / sizeof *cw_skills;
