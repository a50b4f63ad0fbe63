/* What is said when everything is taken down. */
#ifndef CTR_END_WORDS_H
#define CTR_END_WORDS_H

#include "run.h"

enum end_kind { END_LEFT, END_LIMIT, END_SAID };
/* To be said when everything is taken down. `early`: instead, where a command was killed before it began; or NULL. */
void end_words(struct run *run, enum end_kind kind, const char *sentence, const char *early);
void end_words_say(struct run *run);
/* The sentence for a command that was killed before it began, which is said then; or NULL. */
const char *end_words_early(void);

#endif
