/*
 * What `ctr-layers` answers to the launcher, once, by a message on its descriptor 3; a descriptor may
 * come with it. Both programs are built from the same source, so it is a struct and not a text.
 */
#ifndef CTR_LAYERS_REPLY_H
#define CTR_LAYERS_REPLY_H

#include <stdint.h>

/* The descriptors of ctr-layers: the request on 0, this socket, and those that the request is about from here on. */
enum { LAYERS_SOCKET = 3, LAYERS_GIVEN = 4 };
enum { LAYERS_TEXT = 65536 };

struct layers_reply {
  int32_t error;          /* 0, an errno or E_DETAIL (words.h) */
  char text[LAYERS_TEXT]; /* the answer, or the words of the failure; only its length is sent */
};

#endif
