/* What is looked for in a CNI plugin's JSON, which is somebody else's text: one member's string. */
#ifndef CTR_RESULT_TEXT_H
#define CTR_RESULT_TEXT_H

#include <stddef.h>

/*
 * The value of the first member of this name that is a string, from `text` on, cut to `size` with its NUL, escapes undone
 * where they are of one letter, and control characters as spaces. What follows it, or NULL.
 */
const char *json_text(const char *text, const char *name, char *value, size_t size);

#endif
