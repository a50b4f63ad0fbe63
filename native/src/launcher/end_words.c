/*
 * What is said when everything has been taken down: first what is left and why, each sentence
 * once, though every hierarchy has a group of its own; then the limit that ended the command,
 * as the last line.
 */
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "end_words.h"
#include "report.h"
#include "run.h"

static struct word {
  struct word *next;
  enum end_kind kind;
  char *sentence, *early;
} *words;

static char *copy(const char *text) { return text ? strcpy(arena(strlen(text) + 1), text) : NULL; }

void end_words(struct run *run, enum end_kind kind, const char *sentence, const char *early) {
  (void)run;
  struct word **end = &words;
  for (; *end; end = &(*end)->next)
    if ((*end)->kind == kind && strcmp((*end)->sentence, sentence) == 0) return;
  *end = arena(sizeof **end);
  **end = (struct word){.kind = kind, .sentence = copy(sentence), .early = copy(early)};
}

void end_words_say(struct run *run) {
  static const enum end_kind order[] = {END_LEFT, END_LIMIT};
  for (unsigned i = 0; i < sizeof order / sizeof *order; i++)
    for (struct word *w = words; w; w = w->next)
      if (w->kind == order[i]) report_warning(run, w->sentence);
  words = NULL;
}

const char *end_words_early(void) {
  for (struct word *w = words; w; w = w->next)
    if (w->kind == END_LIMIT && w->early) {
      w->kind = END_SAID;
      return w->early;
    }
  return NULL;
}
