#include "coworker_skill.h"

#include <stdlib.h>
#include <string.h>

void cw_add_bytes(cw_text *text, const char *bytes, size_t length) {
    if (text->length + length + 1 > text->room) {
        size_t room = (text->length + length + 1) * 2;
        char *grown = realloc(text->bytes, room);
        if (!grown) abort(); /* the host ends the call and says so */
        text->bytes = grown;
        text->room = room;
    }
    if (length) memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = 0;
}

void cw_add(cw_text *text, const char *words) { cw_add_bytes(text, words, strlen(words)); }

void cw_add_json(cw_text *text, const char *bytes, size_t length) {
    static const char hex[] = "0123456789abcdef";
    cw_add(text, "\"");
    for (size_t at = 0; at < length; at++) {
        unsigned char byte = (unsigned char)bytes[at];
        if (byte == '"' || byte == '\\') {
            char pair[2] = {'\\', (char)byte};
            cw_add_bytes(text, pair, 2);
        } else if (byte < 0x20) {
            char six[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
            cw_add_bytes(text, six, 6);
        } else {
            cw_add_bytes(text, bytes + at, 1);
        }
    }
    cw_add(text, "\"");
}

void cw_free(cw_text *text) {
    free(text->bytes);
    *text = (cw_text){0};
}

cw_end cw_fail(cw_text *out, cw_end end, const char *why) {
    cw_free(out);
    cw_add(out, why);
    return end;
}

/* A reader that never goes beyond `end`. The host hands over JSON that it has parsed and written itself. */
typedef struct {
    const char *at, *end;
} reader;

static void skip_space(reader *r) {
    while (r->at < r->end && strchr(" \t\r\n", *r->at)) r->at++;
}

static bool take(reader *r, char c) {
    skip_space(r);
    if (r->at >= r->end || *r->at != c) return false;
    r->at++;
    return true;
}

static bool read_hex(reader *r, unsigned *value) {
    *value = 0;
    for (int digit = 0; digit < 4; digit++) {
        if (r->at >= r->end) return false;
        char c = *r->at++;
        unsigned part = c >= '0' && c <= '9' ? (unsigned)(c - '0') : (c | 32) >= 'a' && (c | 32) <= 'f' ? (unsigned)((c | 32) - 'a' + 10) : 16;
        if (part > 15) return false;
        *value = *value * 16 + part;
    }
    return true;
}

static void add_utf8(cw_text *text, unsigned c) {
    char out[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t at = n - 1; at > 0; at--, c >>= 6) out[at] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(first[n] | c);
    cw_add_bytes(text, out, n);
}

static bool read_string(reader *r, cw_text *text) {
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (!take(r, '"')) return false;
    cw_add(text, "");
    while (r->at < r->end) {
        char c = *r->at++;
        if (c == '"') return true;
        if (c != '\\') {
            cw_add_bytes(text, &c, 1);
            continue;
        }
        if (r->at >= r->end) return false;
        c = *r->at++;
        const char *known = strchr(plain, c);
        if (c == 'u') {
            unsigned high, low;
            if (!read_hex(r, &high)) return false;
            if (high >= 0xd800 && high < 0xdc00 && r->end - r->at > 6 && r->at[0] == '\\' && r->at[1] == 'u') {
                r->at += 2;
                if (!read_hex(r, &low)) return false;
                high = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
            }
            add_utf8(text, high >= 0xd800 && high < 0xe000 ? 0xfffd : high);
        } else if (c && known) {
            cw_add_bytes(text, meant + (known - plain), 1);
        } else {
            return false;
        }
    }
    return false;
}

static bool skip_value(reader *r) {
    for (int depth = 0;;) {
        skip_space(r);
        if (r->at >= r->end) return false;
        char c = *r->at;
        if (c == '"') {
            cw_text unused = {0};
            bool read = read_string(r, &unused);
            cw_free(&unused);
            if (!read) return false;
        } else {
            if (c == '{' || c == '[') depth++;
            if (c == '}' || c == ']') depth--;
            r->at++;
        }
        skip_space(r);
        if (depth == 0 && (r->at >= r->end || strchr(",}]", *r->at))) return true;
    }
}

bool cw_get_text(const char *json, size_t length, const char *key, cw_text *value) {
    reader r = {json, json + length};
    bool found = false;
    if (!take(&r, '{')) return false;
    do {
        cw_text name = {0};
        bool fits = read_string(&r, &name) && take(&r, ':');
        bool wanted = fits && name.length == strlen(key) && memcmp(name.bytes, key, name.length) == 0;
        cw_free(&name);
        if (!fits) break;
        skip_space(&r);
        if (wanted && r.at < r.end && *r.at == '"') {
            cw_free(value);
            found = read_string(&r, value);
            if (!found) break;
        } else if (!skip_value(&r)) {
            break;
        }
    } while (take(&r, ','));
    return found;
}
