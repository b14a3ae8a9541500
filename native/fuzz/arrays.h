/* Arrays for the fuzz, with nothing behind them that may be touched. */
#ifndef DLGRU_FUZZ_ARRAYS_H
#define DLGRU_FUZZ_ARRAYS_H

#include <stddef.h>

/* Memory of exactly so many bytes: from malloc, where AddressSanitizer watches both ends; or,
   since vector instructions written out by name are not watched, at the end of a page, or the
   start of one, beyond which there is none. */
enum { BY_MALLOC, AT_PAGE_END, AT_PAGE_START };

typedef struct {
    void *data;
    size_t mapped; /* 0: by malloc */
    char *map;
} fuzz_array;

fuzz_array fuzz_array_of(size_t bytes, int place);
void fuzz_array_free(fuzz_array *array);

/* Random numbers: xorshift, one state a thread. */
typedef unsigned long long fuzz_random;
unsigned fuzz_below(fuzz_random *random, unsigned n);
double fuzz_normal(fuzz_random *random); /* near enough: a sum of uniform ones */

#endif
