#include "cli/args.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/num.h"

static const struct slc_flag *find_name(const struct slc_flag *flags, struct slc_str name)
{
    for (; flags->name; flags++)
        if (slc_str_is(name, flags->name))
            return flags;
    return NULL;
}

static const struct slc_flag *find_letter(const struct slc_flag *flags, char letter)
{
    for (; flags->name; flags++)
        if (flags->letter && flags->letter == letter)
            return flags;
    return NULL;
}

size_t slc_args_distance(struct slc_str given, const char *known)
{
    if (given.len > 0 && strncmp(known, given.data, given.len) == 0)
        return 1;
    return slc_str_distance(given, slc_str_from(known));
}

static bool fail_unknown(const struct slc_flag *flags, struct slc_str name, struct slc_error *error)
{
    const char *nearest = "help";
    size_t least = slc_args_distance(name, nearest);

    for (; flags->name; flags++) {
        size_t distance = slc_args_distance(name, flags->name);

        if (distance < least) {
            least = distance;
            nearest = flags->name;
        }
    }
    return slc_fail(error, SLC_ERR_USAGE, "unknown option --%.*s; the nearest known one is --%s",
                    SLC_STR_ARG(name), nearest);
}

static void add(struct slc_args *args, const struct slc_flag *flag, const char *value)
{
    args->given[args->given_count++] = (struct slc_given){.flag = flag, .value = value};
}

/* --name, --name=VALUE or --name VALUE at argv[*at]. */
static bool parse_long(struct slc_args *args, int argc, char **argv, int *at,
                       struct slc_error *error)
{
    const char *text = argv[*at] + 2;
    const char *equals = strchr(text, '=');
    struct slc_str name = {.data = text, .len = equals ? (size_t)(equals - text) : strlen(text)};
    const struct slc_flag *flag = find_name(args->flags, name);

    if (!flag && slc_str_is(name, "help")) {
        if (equals)
            return slc_fail(error, SLC_ERR_USAGE, "--help takes no value");
        args->help = true;
        return true;
    }
    if (!flag)
        return fail_unknown(args->flags, name, error);
    if (!flag->value) {
        if (equals)
            return slc_fail(error, SLC_ERR_USAGE, "--%s takes no value", flag->name);
        add(args, flag, NULL);
        return true;
    }
    if (!equals && *at + 1 >= argc)
        return slc_fail(error, SLC_ERR_USAGE, "--%s wants a value: --%s %s", flag->name, flag->name,
                        flag->value);
    add(args, flag, equals ? equals + 1 : argv[++*at]);
    return true;
}

/* -n VALUE, -nVALUE, or letters without values in a row. */
static bool parse_letters(struct slc_args *args, int argc, char **argv, int *at,
                          struct slc_error *error)
{
    for (const char *letter = argv[*at] + 1; *letter; letter++) {
        const struct slc_flag *flag = find_letter(args->flags, *letter);

        if (!flag && *letter == 'h') {
            args->help = true;
            continue;
        }
        if (!flag)
            return slc_fail(error, SLC_ERR_USAGE, "unknown option -%c in \"%s\"", *letter,
                            argv[*at]);
        if (!flag->value) {
            add(args, flag, NULL);
            continue;
        }
        if (!letter[1] && *at + 1 >= argc)
            return slc_fail(error, SLC_ERR_USAGE, "-%c wants a value: -%c %s", *letter, *letter,
                            flag->value);
        add(args, flag, letter[1] ? letter + 1 : argv[++*at]);
        break;
    }
    return true;
}

/* No more options can be given than there are letters on the command line. */
static size_t most_given(int argc, char **argv)
{
    size_t most = 1;

    for (int i = 0; i < argc; i++)
        most += strlen(argv[i]) + 1;
    return most;
}

bool slc_args_parse(const struct slc_flag *flags, int argc, char **argv, struct slc_args *ret_args,
                    struct slc_error *error)
{
    struct slc_args args = {.flags = flags};
    bool operands_only = false;

    args.given = calloc(most_given(argc, argv), sizeof(*args.given));
    args.operands = calloc((size_t)argc + 1, sizeof(*args.operands));
    if (!args.given || !args.operands) {
        slc_fail(error, SLC_ERR_MEMORY, "out of memory for the command line");
        goto failed;
    }
    for (int i = 0; i < argc; i++) {
        if (operands_only || argv[i][0] != '-' || !argv[i][1]) {
            args.operands[args.operand_count++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            operands_only = true;
        } else if (argv[i][1] == '-') {
            if (!parse_long(&args, argc, argv, &i, error))
                goto failed;
        } else if (!parse_letters(&args, argc, argv, &i, error)) {
            goto failed;
        }
    }
    *ret_args = args;
    return true;
failed:
    slc_args_release(&args);
    return false;
}

void slc_args_release(struct slc_args *args)
{
    free(args->given);
    free(args->operands);
    *args = (struct slc_args){0};
}

bool slc_args_has(const struct slc_args *args, const char *name)
{
    const struct slc_flag *flag = find_name(args->flags, slc_str_from(name));

    assert(flag);
    for (size_t i = 0; i < args->given_count; i++)
        if (args->given[i].flag == flag)
            return true;
    return false;
}

const char *slc_args_value(const struct slc_args *args, const char *name)
{
    const char *last = NULL, *value;
    size_t at = 0;

    while ((value = slc_args_next(args, name, &at)))
        last = value;
    return last;
}

const char *slc_args_next(const struct slc_args *args, const char *name, size_t *at)
{
    const struct slc_flag *flag = find_name(args->flags, slc_str_from(name));

    assert(flag && flag->value);
    while (*at < args->given_count) {
        const struct slc_given *given = &args->given[(*at)++];

        if (given->flag == flag)
            return given->value;
    }
    return NULL;
}

bool slc_args_int(const struct slc_args *args, const char *name, int64_t min, int64_t max,
                  int64_t otherwise, int64_t *ret_value, struct slc_error *error)
{
    const char *text = slc_args_value(args, name);
    int64_t value = otherwise;

    if (text && (!slc_parse_int64(text, strlen(text), &value) || value < min || value > max))
        return slc_fail(error, SLC_ERR_USAGE, "--%s: \"%s\" is no whole number from %lld to %lld",
                        name, text, (long long)min, (long long)max);
    *ret_value = value;
    return true;
}
