/* How many threads a call may use; the public side of this stands in threads.h. */
#ifndef DLGRU_PROCESSORS_H
#define DLGRU_PROCESSORS_H

/* The processors the calling thread may run on, at least 1. */
int dlgru_processors(void);

#endif
