#define _GNU_SOURCE
#include "arrays.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void *checked(void *memory) {
    if (memory == NULL || memory == MAP_FAILED) {
        perror("fuzz: no memory");
        exit(2);
    }
    return memory;
}

fuzz_array fuzz_array_of(size_t bytes, int place) {
    if (bytes == 0) bytes = 1;
    if (place == BY_MALLOC) return (fuzz_array){checked(malloc(bytes)), 0, NULL};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = (bytes + page - 1) / page * page;
    const size_t all = inside + 2 * page;
    char *map = checked(mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (mprotect(map + page, inside, PROT_READ | PROT_WRITE)) checked(NULL);
    return (fuzz_array){map + page + (place == AT_PAGE_END ? inside - bytes : 0), all, map};
}

void fuzz_array_free(fuzz_array *array) {
    if (array->mapped)
        munmap(array->map, array->mapped);
    else
        free(array->data);
    array->data = NULL;
}

unsigned fuzz_below(fuzz_random *random, unsigned n) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (unsigned)((*random >> 33) % n);
}

double fuzz_normal(fuzz_random *random) {
    double sum = 0;
    for (int k = 0; k < 6; k++) sum += fuzz_below(random, 1000001) / 1e6 - 0.5;
    return 1.4 * sum;
}
