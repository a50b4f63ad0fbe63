#ifndef CTR_TREE_H
#define CTR_TREE_H

/* rm -r of a path; what is not there is no failure. 0 or -errno, with words (words.h). */
int remove_tree(char *words, const char *path);

#endif
