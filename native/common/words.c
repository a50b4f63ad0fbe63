#include "words.h"

#include <stdarg.h>
#include <stdio.h>

void words_say(char *words, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(words, WORDS, format, list);
  va_end(list);
}
