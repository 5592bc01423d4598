/* The component's side of the boundary: the exports that wit-bindgen declares in skill.h, and the imports. Tests do
   without this file and bring their own cw_log and cw_progress if they call them. */
#include <stdlib.h>
#include <string.h>

#include "coworker_skill.h"
#include "skill.h"

static void give(skill_option_string_t *to, const char *text) {
    to->is_some = text != NULL;
    if (text) skill_string_dup(&to->val, text);
}

void exports_coworker_skill_guest_describe(exports_coworker_skill_guest_list_manifest_t *ret) {
    ret->len = cw_skill_count;
    ret->ptr = calloc(cw_skill_count, sizeof *ret->ptr);
    if (!ret->ptr) abort();
    for (size_t at = 0; at < cw_skill_count; at++) {
        const cw_skill *skill = &cw_skills[at];
        exports_coworker_skill_guest_manifest_t *to = &ret->ptr[at];
        skill_string_dup(&to->name, skill->name);
        skill_string_dup(&to->description, skill->description);
        give(&to->version, skill->version);
        give(&to->when_to_use, skill->when_to_use);
        give(&to->category, skill->category);
        skill_string_dup(&to->input_schema, skill->input_schema);
        skill_string_dup(&to->output_schema, skill->output_schema);
        to->min_tier = (coworker_skill_types_tier_t)skill->min_tier;
    }
}

bool exports_coworker_skill_guest_invoke(skill_string_t *name, skill_string_t *input, skill_string_t *ret,
                                         exports_coworker_skill_guest_failure_t *err) {
    cw_text out = {0};
    cw_end end = CW_FAILED;
    size_t at = 0;
    cw_add(&out, "");
    while (at < cw_skill_count && (strlen(cw_skills[at].name) != name->len || memcmp(cw_skills[at].name, name->ptr, name->len))) at++;
    if (at < cw_skill_count)
        end = cw_skills[at].run((const char *)input->ptr, input->len, &out);
    else
        cw_fail(&out, CW_FAILED, "no such skill in this component");
    skill_string_t text = {(uint8_t *)out.bytes, out.length};
    if (end == CW_OK) {
        *ret = text;
        return true;
    }
    err->tag = end == CW_INVALID_INPUT ? COWORKER_SKILL_TYPES_FAILURE_INVALID_INPUT : COWORKER_SKILL_TYPES_FAILURE_FAILED;
    if (end == CW_INVALID_INPUT)
        err->val.invalid_input = text;
    else
        err->val.failed = text;
    return false;
}

void cw_log(const char *line) {
    skill_string_t text;
    skill_string_set(&text, line);
    coworker_skill_log_write(COWORKER_SKILL_LOG_LEVEL_INFO, &text);
}

void cw_progress(float done, const char *words) {
    skill_string_t text;
    skill_string_set(&text, words);
    coworker_skill_progress_report(done < 0 ? NULL : &done, &text);
}
