/* Working memory for calls, kept for the next call. */
#ifndef DLGRU_MEMORY_H
#define DLGRU_MEMORY_H

#include <stddef.h>

/* At least so many bytes on a 64-byte boundary, or NULL.  What they hold is undefined. */
void *dlgru_memory_take(size_t bytes);
void dlgru_memory_give_back(void *memory);

/* For tests: no single request may exceed this number of bytes; 0 takes the limit away. */
void dlgru_memory_limit(size_t bytes);

#endif
