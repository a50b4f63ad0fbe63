/* What went wrong, beyond what an errno says: which path it was, what the kernel or a program explained. */
#ifndef CTR_WORDS_H
#define CTR_WORDS_H

#define WORDS 1024 /* bytes that a buffer for words has, its NUL included */

/* Beside -errno: the words say it all, and there is no errno to explain. */
#define E_DETAIL 4094

/* printf into such a buffer; what is too long is cut. */
void words_say(char *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
