/* A member's string in JSON (RFC 8259, section 7), found without reading the rest. */
#include <stdbool.h>
#include <string.h>

#include "result_text.h"

static const char *after_space(const char *at) { return at + strspn(at, " \t\r\n"); }

/* From behind the opening quote to behind the closing one; NULL where the text ends before. */
static const char *string(const char *at, char *value, size_t size) {
  size_t n = 0;
  for (; *at && *at != '"'; at++) {
    char c = *at;
    if (c == '\\') {
      c = *++at;
      if (!c) return NULL;
      if (strchr("bfnrtu", c)) c = ' ';
    }
    if ((unsigned char)c < ' ') c = ' ';
    if (n + 1 < size) value[n++] = c;
  }
  value[n] = 0;
  return *at ? at + 1 : NULL;
}

const char *json_text(const char *text, const char *name, char *value, size_t size) {
  while ((text = strchr(text, '"'))) {
    char found[64];
    const char *end = string(text + 1, found, sizeof found);
    if (!end) return NULL;
    const char *next = after_space(end);
    text = end;
    if (*next != ':' || strcmp(found, name) != 0) continue;
    next = after_space(next + 1);
    if (*next == '"') return string(next + 1, value, size);
  }
  return NULL;
}
