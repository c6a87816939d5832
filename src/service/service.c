#include "service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "http/server.h"
#include "service/events.h"
#include "service/mailer.h"
#include "service/master.h"
#include "service/pidfile.h"
#include "service/start.h"

enum {
    STATUS_CONFIG = 2,
    STATUS_PEER = 3,
    LISTEN_TEXT_BYTES = 128,
    KEEPER_START_MS = 130000,
    KEEPER_LOOK_MS = 50,
    DESCRIPTORS = 65536,
};

/* ---- Signals ------------------------------------------------------------- */

static bool take_signals(struct slc_master *master, struct slc_error *error)
{
    static const int taken[] = {SIGTERM, SIGINT,  SIGQUIT, SIGHUP, SIGUSR1,
                                SIGUSR2, SIGTTIN, SIGTTOU, SIGCHLD};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        sigaddset(&set, taken[i]);
    if (sigprocmask(SIG_BLOCK, &set, &master->signals_before) != 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "cannot block signals");
    master->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return master->signal_fd >= 0 || slc_fail_errno(error, errno, "cannot wait for signals");
}

/* ---- Places -------------------------------------------------------------- */

static bool join(char path[PATH_MAX], const char *dir, const char *name, struct slc_error *error)
{
    if ((size_t)snprintf(path, PATH_MAX, "%s%s", dir, name) >= PATH_MAX)
        return slc_fail(error, SLC_ERR_CONFIG, "the path %.200s%s is too long", dir, name);
    return true;
}

static const char *bind_address(const struct slc_config *config)
{
    const char *address = slc_config_text(config, "http.bind");

    return strcmp(address, "localhost") == 0 ? "127.0.0.1" : address;
}

/* Before anything that takes long is started, so that a taken port is told at
 * once. What the old master listens on is taken over when this one is to listen
 * there, too. */
static bool open_socket(struct slc_master *master, struct slc_error *error)
{
    const char *address = bind_address(master->options->config);
    uint16_t port = (uint16_t)slc_config_int(master->options->config, "http.port");

    if (master->old.listen_fd >= 0 && slc_http_is_bound_to(master->old.listen_fd, address, port)) {
        master->listen_fd = master->old.listen_fd;
        master->old.listen_fd = -1;
        return true;
    }
    master->listen_fd = slc_http_listen(address, port, error);
    return master->listen_fd >= 0;
}

static bool is_same_file(int fd, const char *path)
{
    struct stat there, here;

    return fd >= 0 && fstat(fd, &there) == 0 && stat(path, &here) == 0 &&
           there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

/* Two services of one state directory would share a key and a Redis whose owner
 * only one of them is. An old master and the new one share the lock. */
static bool lock_state_dir(struct slc_master *master, struct slc_error *error)
{
    const struct slc_service_options *options = master->options;
    char path[PATH_MAX];

    master->state_dir = slc_config_state_dir(options->config, options->environment);
    if (!master->state_dir)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the state directory's path");
    if (!slc_dir_make(master->state_dir, 0700, error) ||
        !join(path, master->state_dir, "/lock", error))
        return false;
    if (is_same_file(master->old.lock_fd, path)) {
        master->lock_fd = master->old.lock_fd;
        master->old.lock_fd = -1;
        return true;
    }
    master->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (master->lock_fd < 0)
        return slc_fail_errno(error, errno, "cannot open %s", path);
    if (flock(master->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK)
        return slc_fail_errno(error, errno, "cannot lock %s", path);
    return slc_fail(error, SLC_ERR_CONFLICT,
                    "another sluice serve uses the state directory %s: stop it, or give this one "
                    "another state_dir",
                    master->state_dir);
}

bool slc_service_pidfile(struct slc_master *master, struct slc_error *error)
{
    const char *path = slc_config_text(master->options->config, "pid_file");
    char wanted[PATH_MAX];

    if (!*path)
        return true;
    if (!join(wanted, path, master->old.master ? ".2" : "", error))
        return false;
    if (master->pid_path[0]) /* it was NAME.2 */
        slc_pidfile_remove(master->pid_path);
    master->pid_path[0] = '\0';
    if (!slc_pidfile_write(wanted, error))
        return false;
    memcpy(master->pid_path, wanted, sizeof(wanted));
    return true;
}

/* ---- Redis --------------------------------------------------------------- */

bool slc_service_is_to_stop(void)
{
    sigset_t waiting;

    return sigpending(&waiting) == 0 &&
           (sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGINT) == 1 ||
            sigismember(&waiting, SIGQUIT) == 1);
}

/* Until the server is there; a large one takes long to read its data, so that it is
 * left off when the service is to stop. */
static bool wait_for_keeper(struct slc_master *master, struct slc_error *error)
{
    int64_t end_usec = slc_monotonic_usec() + (int64_t)KEEPER_START_MS * 1000;

    while (!master->keeper.ready && !slc_service_is_to_stop()) {
        switch (slc_keeper_listen(&master->keeper, KEEPER_LOOK_MS)) {
        case SLC_KEEPER_READY:
            return true;
        case SLC_KEEPER_ENDED:
            return slc_fail(error, SLC_ERR_SERVER, "%s",
                            master->keeper.reason[0] ? master->keeper.reason
                                                     : "the private redis-server did not start");
        default:
            if (slc_monotonic_usec() > end_usec)
                return slc_fail(error, SLC_ERR_TIMEOUT,
                                "the private redis-server did not start in time");
        }
    }
    return true;
}

static bool find_redis(struct slc_master *master, struct slc_error *error)
{
    const char *url = slc_config_text(master->options->config, "redis.url");
    char path[PATH_MAX], absolute[PATH_MAX];

    if (*url)
        return slc_redis_url_parse(slc_str_from(url), &master->redis_url, error);
    if (!join(master->redis_dir, master->state_dir, "/redis", error))
        return false;
    if (master->old.keeper) {
        master->keeper = (struct slc_keeper){.pid = master->old.keeper,
                                             .lifeline_fd = master->old.lifeline_fd,
                                             .alive_fd = master->old.alive_fd,
                                             .ready = true};
        master->old.lifeline_fd = master->old.alive_fd = -1;
    } else if (!slc_keeper_start(&master->keeper, master->redis_dir, slc_master_close_in_keeper,
                                 master, error) ||
               !wait_for_keeper(master, error)) {
        return false;
    }
    if (!realpath(master->redis_dir, absolute))
        return slc_fail_errno(error, errno, "%s", master->redis_dir);
    return join(path, absolute, "/redis.sock", error) &&
           slc_redis_url_from_socket(path, 0, &master->redis_url, error);
}

/* ---- A configuration -------------------------------------------------------- */

/* Shown once and kept nowhere: what is kept is its hash. */
static bool show_key(const struct slc_master *master, struct slc_service_keys *keys,
                     struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    bool good;

    if (!keys->made[0])
        return true;
    slc_buf_printf(&text,
                   "sluice: a key was made for this installation:\n\n    %s\n\n"
                   "Keep it: it is shown this once, and only its hash is in %s/key.hash.\n"
                   "Remove that file to have a new key made at the next start.\n",
                   keys->made, master->state_dir);
    good = text.failed ? slc_fail(error, SLC_ERR_MEMORY, "no memory to show the key")
                       : slc_write_all(STDOUT_FILENO, text.data, text.len, error);
    if (!good) {
        slc_error_locate(error, "standard output", 0, (struct slc_str){0});
        slc_service_keys_unmake(master->state_dir);
    }
    if (text.data)
        OPENSSL_cleanse(text.data, text.capacity);
    OPENSSL_cleanse(keys->made, sizeof(keys->made));
    return good;
}

bool slc_service_parse_proxies(const struct slc_config *config,
                               struct slc_trusted_proxies *ret_proxies, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    const char *const *items;
    size_t count = slc_config_list(config, "http.trusted_proxies", &items);

    for (size_t i = 0; i < count; i++) {
        slc_buf_append_text(&text, items[i]);
        slc_buf_append_byte(&text, ' ');
    }
    if (text.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for http.trusted_proxies");
    return slc_trusted_proxies_parse(slc_buf_view(&text), ret_proxies, error);
}

bool slc_service_check(const struct slc_config *config, struct slc_error *error)
{
    struct slc_trusted_proxies proxies = {0};
    struct slc_service_tls tls = {0};
    bool good = slc_mailer_check_config(config, error) &&
                slc_service_parse_proxies(config, &proxies, error) &&
                slc_service_tls_read(config, &tls, error);

    slc_trusted_proxies_release(&proxies);
    slc_service_tls_release(&tls);
    return good;
}

bool slc_service_generation(struct slc_master *master, const struct slc_config *config,
                            struct slc_generation *ret_generation, struct slc_error *error)
{
    ret_generation->config = config;
    ret_generation->wanted[SLC_ROLE_HTTP] = (size_t)slc_config_int(config, "http.workers");
    ret_generation->wanted[SLC_ROLE_LOAD] = (size_t)slc_config_int(config, "load.workers");
    return slc_service_check(config, error) &&
           slc_service_tls_read(config, &ret_generation->tls, error) &&
           slc_redis_settings_from_config(config, &ret_generation->redis_settings, error) &&
           slc_service_keys(config, master->state_dir, &ret_generation->keys, error) &&
           show_key(master, &ret_generation->keys, error);
}

/* ---- The service -------------------------------------------------------------- */

void slc_service_announce(const struct slc_master *master)
{
    const struct slc_config *config = master->current.config;
    const char *address = bind_address(config);
    bool v6 = strchr(address, ':') != NULL;
    char text[LISTEN_TEXT_BYTES];

    if (access(slc_config_text(config, "source.stream_dir"), F_OK) != 0)
        slc_log(SLC_LOG_WARNING, "the stream directory is not there; calls about tickets fail",
                SLC_LOG_TEXT_FIELD("reason", strerror(errno)));
    snprintf(text, sizeof(text), "http%s://%s%.100s%s:%lld", master->current.tls.cert ? "s" : "",
             v6 ? "[" : "", address, v6 ? "]" : "", (long long)slc_config_int(config, "http.port"));
    slc_log(SLC_LOG_INFO, "listening", SLC_LOG_TEXT_FIELD("address", text),
            SLC_LOG_TEXT_FIELD("stream_dir", slc_config_text(config, "source.stream_dir")),
            SLC_LOG_INT_FIELD("http_workers", (int64_t)master->current.wanted[SLC_ROLE_HTTP]),
            SLC_LOG_INT_FIELD("load_workers", (int64_t)master->current.wanted[SLC_ROLE_LOAD]),
            SLC_LOG_TEXT_FIELD("version", SLC_VERSION));
}

/* A descriptor for each connection, and some. What cannot be had is done without. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* It may have ended meanwhile, and its id be a stranger's. */
static void watch_old_master(struct slc_master *master)
{
    pid_t pid = master->old.master;

    if (pid)
        master->old_pidfd = pidfd_open(pid, 0);
    if (master->old_pidfd >= 0 && getppid() != pid && !slc_process_has_ended(pid)) {
        close(master->old_pidfd);
        master->old_pidfd = -1;
    }
    if (master->old_pidfd < 0)
        master->old.master = 0;
}

static bool start(struct slc_master *master, int *ret_status, struct slc_error *error)
{
    const struct slc_config *config = master->options->config;

    *ret_status = STATUS_CONFIG;
    raise_descriptors();
    if (!take_signals(master, error) || !slc_service_open_log(config, error) ||
        !open_socket(master, error) || !lock_state_dir(master, error) ||
        !slc_shared_make(&master->shared, error) ||
        !slc_service_generation(master, config, &master->current, error))
        return false;
    master->current.number = ++master->generations;
    *ret_status = *slc_config_text(config, "redis.url") ? STATUS_CONFIG : STATUS_PEER;
    if (!find_redis(master, error))
        return false;
    *ret_status = STATUS_CONFIG;
    watch_old_master(master);
    slc_handover_close_rest(&master->old);
    return slc_service_pidfile(master, error);
}

static void release(struct slc_master *master)
{
    if (master->keeper.pid > 0 &&
        !slc_keeper_leave(&master->keeper, master->new_master == 0 && master->old.master == 0))
        slc_log(SLC_LOG_ERROR, "the private redis-server had to be killed");
    if (master->pid_path[0])
        slc_pidfile_remove(master->pid_path);
    slc_shared_free(&master->shared);
    slc_redis_url_wipe(&master->redis_url);
    slc_handover_close_rest(&master->old);
    for (size_t i = 0; i < 4; i++) {
        int fd =
            (int[]){master->listen_fd, master->signal_fd, master->lock_fd, master->old_pidfd}[i];

        if (fd >= 0)
            close(fd);
    }
    free(master->state_dir);
    (void)sigprocmask(SIG_SETMASK, &master->signals_before, NULL);
}

bool slc_service_run(const struct slc_service_options *options, int *ret_status,
                     struct slc_error *error)
{
    struct slc_master master = {.options = options,
                                .lock_fd = -1,
                                .listen_fd = -1,
                                .signal_fd = -1,
                                .old_pidfd = -1,
                                .keeper = SLC_KEEPER_NONE};
    bool good;

    slc_handover_take(&master.old);
    slc_notify_init(&master.notify, options->environment, master.old.master);
    good = start(&master, ret_status, error);
    if (!good) {
        slc_service_tls_release(&master.current.tls);
        slc_redis_settings_unref(master.current.redis_settings);
    }
    if (good) {
        good = slc_master_run(&master);
        if (!good && error)
            *error = master.error;
    }
    release(&master);
    *ret_status = good ? 0 : *ret_status;
    if (good)
        slc_log(SLC_LOG_INFO, "stopped");
    return good;
}
