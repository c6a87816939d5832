#include "cli/stop.h"

#include <signal.h>
#include <stdbool.h>

static atomic_bool stopped;
static volatile sig_atomic_t stop_signal;

static void on_stop(int signal_number)
{
    stop_signal = signal_number;
    stopped = true; /* lock-free, so a handler may */
}

void slc_stop_catch(void)
{
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART | (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

const atomic_bool *slc_stop_flag(void)
{
    return &stopped;
}

int slc_stop_status(int status)
{
    return stopped ? 128 + (int)stop_signal : status;
}
