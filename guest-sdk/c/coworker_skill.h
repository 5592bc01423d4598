/* Write a coworker-host skill in C: a table of skills, JSON text in, JSON text out. Builds natively as well, so that
   tests call the functions themselves; only component.c knows the host. */
#ifndef COWORKER_SKILL_H
#define COWORKER_SKILL_H

#include <stdbool.h>
#include <stddef.h>

/* A text that grows; always ends with a zero byte that `length` does not count. Start with {0}. */
typedef struct {
    char *bytes;
    size_t length, room;
} cw_text;

void cw_add(cw_text *text, const char *words);
void cw_add_bytes(cw_text *text, const char *bytes, size_t length);
/* Adds a JSON string, quotes included. */
void cw_add_json(cw_text *text, const char *bytes, size_t length);
void cw_free(cw_text *text);

/* How a skill ends. With a failure, `out` holds a short sentence; callers see it. */
typedef enum { CW_OK, CW_INVALID_INPUT, CW_FAILED } cw_end;

/* Replaces `out` by a reason and returns the failure. */
cw_end cw_fail(cw_text *out, cw_end end, const char *why);

/* Reads the string that the JSON object `json` holds under `key`; false if there is none. */
bool cw_get_text(const char *json, size_t length, const char *key, cw_text *value);

/* Writes a line for the owner; callers never see it. */
void cw_log(const char *line);
/* Tells callers how far the work is: 0 to 1, or below 0 where it is not known. */
void cw_progress(float done, const char *words);

typedef enum { CW_UNTRUSTED, CW_KNOWN, CW_INTERNAL, CW_PRIVILEGED } cw_tier;

typedef struct {
    const char *name, *description;
    const char *version, *when_to_use, *category; /* may be NULL */
    const char *input_schema, *output_schema;     /* JSON Schema; the host checks both */
    cw_tier min_tier;
    cw_end (*run)(const char *input, size_t length, cw_text *out);
} cw_skill;

/* Your skills. */
extern const cw_skill cw_skills[];
extern const size_t cw_skill_count;

#endif
