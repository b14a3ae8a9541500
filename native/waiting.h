/* One thread waits for a signal of another: it spins for a while, then sleeps.

   A spin answers within a tenth of a microsecond but holds a processor, which the awaited
   thread itself may need when another program holds the others.  A sleep frees the processor,
   but in a virtual machine it takes 50 microseconds to wake up; if the other side does not spin
   that long, it sleeps in its turn, and so on, and no step is ever quick again. */
#ifndef DLGRU_WAITING_H
#define DLGRU_WAITING_H

#include <stdatomic.h>

/* Counts upward.  One thread sends and one waits. */
typedef struct {
    atomic_uint state; /* twice the count, plus 1 while the waiter sleeps */
} dlgru_signal;

void dlgru_signal_init(dlgru_signal *signal, unsigned count);

/* Set the count, and wake the waiter if it sleeps.  Counts may wrap around. */
void dlgru_signal_send(dlgru_signal *signal, unsigned count);

/* Return when the count is `count` or beyond; everything the sender wrote before is then seen.
   Spins so many nanoseconds before it sleeps.  Returns whether this thread had to sleep. */
int dlgru_signal_wait(dlgru_signal *signal, unsigned count, int spin);

/* For those who look at memory until another thread has written it: how often they looked in vain,
   and since when. */
typedef struct {
    unsigned looks;
    long long since;
} dlgru_patience;

/* To be called after each look in vain, with all zeros at first: returns 0 when it is time to sleep. */
int dlgru_look_again(dlgru_patience *patience);

/* Sleep while the word is not 0, a millisecond at most; set it to 0, and wake who sleeps so. */
void dlgru_doze(atomic_uint *word);
void dlgru_rouse(atomic_uint *word);

/* How long a thread spins at a barrier before it sleeps, in nanoseconds. */
#if defined(DLGRU_IMPATIENT) /* in the fuzz, so that parts sleep often */
#define DLGRU_SPIN 0
#else
#define DLGRU_SPIN 60000
#endif

/* Nanoseconds of a clock that only goes forward. */
long long dlgru_now(void);

/* Nanoseconds that this thread has had a processor; where the system does not tell, that it has not slept here. */
long long dlgru_time_on_processor(void);

/* To be called in the child of a fork: whatever slept there no longer exists. */
void dlgru_waiting_after_fork(void);

#endif
