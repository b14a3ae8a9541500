#include "memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

/* A shelf with a few places.  A call takes a block off the shelf while it uses it, so two calls
   at the same time never share one; each place is taken and filled by a single exchange, so no
   lock is needed, in a child after fork neither.  Fresh memory costs a page fault every 4 KiB,
   for the packed weights of H = 1024 as much as a tenth of a call. */

enum { PLACES = 8, HEAD = 64 };
static const size_t KEPT = (size_t)256 << 20; /* bytes on the shelf at most */

typedef struct {
    size_t bytes; /* after the head */
    void *start;  /* as malloc gave it */
} block;

static _Atomic(block *) shelf[PLACES];
static atomic_size_t lying; /* bytes on the shelf */
static atomic_size_t limit;

void dlgru_memory_limit(size_t bytes) { atomic_store(&limit, bytes); }

static block *new_block(size_t bytes) {
    const size_t page = (size_t)2 << 20; /* where the system can give large pages, it is asked */
    const size_t boundary = bytes >= 2 * page ? page : 64;
    if (bytes > SIZE_MAX - boundary - HEAD) return NULL;
    char *start = malloc(bytes + boundary + HEAD);
    if (!start) return NULL;
    char *data = (char *)(((uintptr_t)start + HEAD + boundary - 1) / boundary * boundary);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (boundary == page) madvise(data, bytes / page * page, MADV_HUGEPAGE);
#endif
    block *b = (block *)(data - HEAD);
    b->bytes = bytes;
    b->start = start;
    return b;
}

static block *off_the_shelf(int k) {
    if (!atomic_load_explicit(&shelf[k], memory_order_relaxed)) return NULL;
    block *b = atomic_exchange(&shelf[k], NULL);
    if (b) atomic_fetch_sub(&lying, b->bytes);
    return b;
}

static int onto_the_shelf(block *b) {
    if (atomic_fetch_add(&lying, b->bytes) + b->bytes <= KEPT)
        for (int k = 0; k < PLACES; k++) {
            block *none = NULL;
            if (atomic_compare_exchange_strong(&shelf[k], &none, b)) return 1;
        }
    atomic_fetch_sub(&lying, b->bytes);
    return 0;
}

void *dlgru_memory_take(size_t bytes) {
    const size_t most = atomic_load_explicit(&limit, memory_order_relaxed);
    if (most && bytes > most) return NULL;
    for (int k = 0; k < PLACES; k++) {
        block *b = off_the_shelf(k);
        if (!b) continue;
        /* Not a block that is much too large: another call may need that one. */
        if (b->bytes >= bytes && (b->bytes <= 4 * bytes || b->bytes <= (size_t)1 << 20))
            return (char *)b + HEAD;
        if (!onto_the_shelf(b)) free(b->start);
    }
    bytes += bytes / 8;
    block *b = new_block(bytes);
    return b ? (char *)b + HEAD : NULL;
}

void dlgru_memory_give_back(void *memory) {
    if (!memory) return;
    block *b = (block *)((char *)memory - HEAD);
    if (onto_the_shelf(b)) return;
    /* No place, or too much lies there: something else has to go, each place in its turn. */
    static atomic_uint turn;
    block *other = off_the_shelf((int)(atomic_fetch_add(&turn, 1) % PLACES));
    if (other) free(other->start);
    if (!onto_the_shelf(b)) free(b->start);
}
