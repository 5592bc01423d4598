/* Checksums of text: what a caller compares with a list, a file name or a cache key. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "coworker_skill.h"

static uint32_t crc32(const uint8_t *bytes, size_t length) {
    uint32_t crc = 0xffffffff;
    for (size_t at = 0; at < length; at++) {
        crc ^= bytes[at];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static uint32_t adler32(const uint8_t *bytes, size_t length) {
    uint32_t a = 1, b = 0;
    for (size_t at = 0; at < length; at++) {
        a = (a + bytes[at]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static uint64_t fnv1a(const uint8_t *bytes, size_t length) {
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t at = 0; at < length; at++) hash = (hash ^ bytes[at]) * 0x100000001b3;
    return hash;
}

static uint32_t turn(uint32_t x, int by) { return x >> by | x << (32 - by); }

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static void sha256_block(uint32_t h[8], const uint8_t *block) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++) w[i] = (uint32_t)block[i * 4] << 24 | block[i * 4 + 1] << 16 | block[i * 4 + 2] << 8 | block[i * 4 + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) + (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(v, h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t one = v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i];
        uint32_t two = (turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += one;
        v[0] = one + two;
    }
    for (int i = 0; i < 8; i++) h[i] += v[i];
}

static void sha256(const uint8_t *bytes, size_t length, uint32_t h[8]) {
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t last[128] = {0};
    size_t rest = length % 64, end = rest < 56 ? 64 : 128;
    memcpy(h, start, sizeof start);
    for (size_t at = 0; at + 64 <= length; at += 64) sha256_block(h, bytes + at);
    memcpy(last, bytes + length - rest, rest);
    last[rest] = 0x80;
    for (int i = 0; i < 8; i++) last[end - 1 - i] = (uint8_t)((uint64_t)length * 8 >> 8 * i);
    for (size_t at = 0; at < end; at += 64) sha256_block(h, last + at);
}

static cw_end checksum(const char *input, size_t length, cw_text *out) {
    cw_text text = {0};
    uint32_t h[8];
    char line[256];
    if (!cw_get_text(input, length, "text", &text)) return cw_fail(out, CW_INVALID_INPUT, "`text` is missing");
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    sha256(bytes, text.length, h);
    snprintf(line, sizeof line,
             "{\"bytes\":%zu,\"crc32\":\"%08x\",\"adler32\":\"%08x\",\"fnv1a\":\"%08x%08x\",\"sha256\":\"%08x%08x%08x%08x%08x%08x%08x%08x\"}", text.length,
             crc32(bytes, text.length), adler32(bytes, text.length), (uint32_t)(fnv1a(bytes, text.length) >> 32), (uint32_t)fnv1a(bytes, text.length), h[0],
             h[1], h[2], h[3], h[4], h[5], h[6], h[7]);
    cw_add(out, line);
    cw_free(&text);
    return CW_OK;
}

#define HEX "{\"type\":\"string\",\"description\":\"Hexadecimal.\"}"

const cw_skill cw_skills[] = {{
    .name = "checksum",
    .version = "1.0.0",
    .category = "compute",
    .description = "Computes the CRC-32, Adler-32, FNV-1a (64 bits) and SHA-256 of a text's UTF-8 bytes.",
    .when_to_use = "A text has to be compared with a known checksum, or named by its content",
    .input_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"text\"],\"properties\":{"
                    "\"text\":{\"type\":\"string\",\"description\":\"The text to sum up.\"}}}",
    .output_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"bytes\",\"crc32\",\"adler32\",\"fnv1a\",\"sha256\"],"
                     "\"properties\":{\"bytes\":{\"type\":\"integer\",\"description\":\"How many bytes were summed up.\"},"
                     "\"crc32\":" HEX ",\"adler32\":" HEX ",\"fnv1a\":" HEX ",\"sha256\":" HEX "}}",
    .min_tier = CW_KNOWN,
    .run = checksum,
}};
const size_t cw_skill_count = sizeof cw_skills / sizeof *cw_skills;
