/* Shell completion: one table of commands, three shells. */
#include "cli/completion.h"

#include <string.h>

#include "config/config.h"

/* What a command's first operand is. */
enum operand { OPERAND_NONE, OPERAND_FILE, OPERAND_REPLICA, OPERAND_WORDS };

/* Told from the usage line: FILE, NAME, or words to choose from. */
static enum operand operand_of(const struct slc_command *command)
{
    if (strncmp(command->args, "FILE", 4) == 0)
        return OPERAND_FILE;
    if (strncmp(command->args, "NAME", 4) == 0)
        return OPERAND_REPLICA;
    return command->args[0] >= 'a' && command->args[0] <= 'z' ? OPERAND_WORDS : OPERAND_NONE;
}

static bool takes_file(const struct slc_flag *flag)
{
    return flag->value && (strcmp(flag->value, "FILE") == 0 || strcmp(flag->value, "OUT") == 0);
}

static bool takes_key(const struct slc_flag *flag)
{
    return flag->value && strcmp(flag->value, "KEY=VALUE") == 0;
}

/* "set|get|rm NAME | ls" offers set, get, rm and ls. */
static void append_words(struct slc_buf *out, const struct slc_command *command)
{
    static const char separator[] = " | ";

    for (const char *at = command->args; at; at = strstr(at, separator)) {
        at += at == command->args ? 0 : sizeof(separator) - 1;
        slc_buf_append_byte(out, ' ');
        for (; (*at >= 'a' && *at <= 'z') || *at == '|'; at++)
            slc_buf_append_byte(out, *at == '|' ? ' ' : *at);
    }
}

static void append_keys(struct slc_buf *out)
{
    for (size_t i = 0; i < slc_option_count(); i++) {
        if (i > 0)
            slc_buf_append_byte(out, ' ');
        slc_buf_append_text(out, slc_option_at(i)->key);
    }
}

/* `text` with each character of `special` behind a backslash, and a single
 * quote as it stands in a single-quoted word of sh. */
static void append_quoted(struct slc_buf *out, const char *text, const char *special)
{
    for (; *text; text++) {
        if (*text == '\'') {
            slc_buf_append_text(out, "'\\''");
            continue;
        }
        if (strchr(special, *text))
            slc_buf_append_byte(out, '\\');
        slc_buf_append_byte(out, *text);
    }
}

/* Nothing, and no message, without Redis. */
#define REPLICAS "sluice ls --names 2>/dev/null </dev/null"

/* ---- bash ------------------------------------------------------------- */

static void bash_command(struct slc_buf *out, const struct slc_command *command)
{
    enum operand operand = operand_of(command);

    slc_buf_printf(out, "    %s)\n        flags='", command->name);
    for (const struct slc_flag *flag = command->flags; flag->name; flag++)
        slc_buf_printf(out, "--%s ", flag->name);
    slc_buf_append_text(out, "--help'\n        files='");
    for (const struct slc_flag *flag = command->flags; flag->name; flag++)
        if (takes_file(flag))
            slc_buf_printf(out, " --%s ", flag->name);
    slc_buf_append_text(out, "'\n        values='");
    for (const struct slc_flag *flag = command->flags; flag->name; flag++)
        if (flag->value && !takes_file(flag) && !takes_key(flag))
            slc_buf_printf(out, " --%s ", flag->name);
    slc_buf_append_text(out, "'\n");
    if (operand == OPERAND_FILE)
        slc_buf_append_text(out, "        operands=file\n");
    else if (operand == OPERAND_REPLICA)
        slc_buf_append_text(out, "        operands=replica\n");
    else if (operand == OPERAND_WORDS) {
        slc_buf_append_text(out, "        [ \"$COMP_CWORD\" -gt 2 ] || words='");
        append_words(out, command);
        slc_buf_append_text(out, "'\n");
    }
    slc_buf_append_text(out, "        ;;\n");
}

static void bash(const struct slc_command *const *commands, size_t count, struct slc_buf *out)
{
    slc_buf_append_text(
        out, "# bash completion for sluice, written by: sluice completion bash\n"
             "_sluice()\n{\n"
             "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
             "    local flags='' files='' values='' operands='' words='' name commands='");
    for (size_t i = 0; i < count; i++)
        slc_buf_printf(out, "%s ", commands[i]->name);
    slc_buf_append_text(out, "help'\n"
                             "    local keys='");
    append_keys(out);
    slc_buf_append_text(
        out,
        "'\n"
        "    COMPREPLY=()\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "        mapfile -t COMPREPLY < <(compgen -W \"$commands --help --version\" -- \"$cur\")\n"
        "        return\n"
        "    fi\n"
        "    case ${COMP_WORDS[1]} in\n"
        "    help)\n"
        "        words=$commands\n"
        "        ;;\n");
    for (size_t i = 0; i < count; i++)
        bash_command(out, commands[i]);
    slc_buf_append_text(
        out, "    *) return ;;\n"
             "    esac\n"
             "    if [ \"$prev\" = --set ]; then\n"
             "        mapfile -t COMPREPLY < <(compgen -W \"$keys\" -S = -- \"$cur\")\n"
             "        compopt -o nospace\n"
             "    elif [[ $files == *\" $prev \"* ]]; then\n"
             "        compopt -o filenames\n"
             "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
             "    elif [[ $values == *\" $prev \"* || $prev == = ]]; then\n"
             "        return\n"
             "    elif [[ $cur == -* ]]; then\n"
             "        mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$cur\")\n"
             "    elif [ \"$operands\" = file ]; then\n"
             "        compopt -o filenames\n"
             "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
             "    elif [ \"$operands\" = replica ]; then\n"
             /* Not by compgen -W, which would expand what stands in a name. */
             "        while IFS= read -r name; do\n"
             "            [[ $name != \"$cur\"* ]] || COMPREPLY+=(\"$(printf %q \"$name\")\")\n"
             "        done < <(" REPLICAS ")\n"
             "    else\n"
             "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
             "    fi\n"
             "}\n"
             "complete -F _sluice sluice\n");
}

/* ---- zsh -------------------------------------------------------------- */

static void zsh_flag(struct slc_buf *out, const struct slc_flag *flag)
{
    slc_buf_append_text(out, " \\\n            '");
    if (takes_key(flag))
        slc_buf_append_byte(out, '*');
    slc_buf_printf(out, "--%s%s[", flag->name, flag->value ? "=" : "");
    append_quoted(out, flag->help, "[]\\");
    slc_buf_append_byte(out, ']');
    if (flag->value) {
        slc_buf_append_byte(out, ':');
        append_quoted(out, flag->value, ":\\");
        slc_buf_append_text(out, takes_file(flag)  ? ":_files"
                                 : takes_key(flag) ? ":_sluice_keys"
                                                   : ": ");
    }
    slc_buf_append_byte(out, '\'');
}

static void zsh_command(struct slc_buf *out, const struct slc_command *command)
{
    enum operand operand = operand_of(command);

    slc_buf_printf(out, "    %s)\n        _arguments", command->name);
    for (const struct slc_flag *flag = command->flags; flag->name; flag++)
        zsh_flag(out, flag);
    slc_buf_append_text(out, " \\\n            '--help[this text]'");
    if (operand == OPERAND_FILE)
        slc_buf_append_text(out, " \\\n            '*:file:_files'");
    else if (operand == OPERAND_REPLICA)
        slc_buf_append_text(out, " \\\n            '*:replica:_sluice_replicas'");
    else if (operand == OPERAND_WORDS) {
        slc_buf_append_text(out, " \\\n            '1:action:(");
        append_words(out, command);
        slc_buf_append_text(out, ")'");
    }
    slc_buf_append_text(out, "\n        ;;\n");
}

static void zsh(const struct slc_command *const *commands, size_t count, struct slc_buf *out)
{
    slc_buf_append_text(out, "#compdef sluice\n"
                             "# zsh completion for sluice, written by: sluice completion zsh\n"
                             "_sluice_replicas() { compadd -- ${(f)\"$(" REPLICAS ")\"} }\n"
                             "_sluice_keys() { compadd -S = -- ");
    append_keys(out);
    slc_buf_append_text(out, " }\n"
                             "_sluice() {\n"
                             "    local -a commands=(");
    for (size_t i = 0; i < count; i++) {
        slc_buf_printf(out, "\n        '%s:", commands[i]->name);
        append_quoted(out, commands[i]->summary, ":\\");
        slc_buf_append_byte(out, '\'');
    }
    slc_buf_append_text(out, "\n        'help:Explain one command'\n"
                             "    )\n"
                             "    if (( CURRENT == 2 )); then\n"
                             "        _describe command commands\n"
                             "        return\n"
                             "    fi\n"
                             "    local command=$words[2]\n"
                             "    shift words\n"
                             "    (( CURRENT-- ))\n"
                             "    case $command in\n"
                             "    help)\n"
                             "        _describe command commands\n"
                             "        ;;\n");
    for (size_t i = 0; i < count; i++)
        zsh_command(out, commands[i]);
    slc_buf_append_text(out, "    esac\n"
                             "}\n"
                             "compdef _sluice sluice\n");
}

/* ---- fish ------------------------------------------------------------- */

static void fish_flag(struct slc_buf *out, const struct slc_command *command,
                      const struct slc_flag *flag)
{
    slc_buf_printf(out, "complete -c sluice -n '__fish_seen_subcommand_from %s' -l %s",
                   command->name, flag->name);
    if (flag->letter)
        slc_buf_printf(out, " -s %c", flag->letter);
    if (takes_file(flag))
        slc_buf_append_text(out, " -rF");
    else if (takes_key(flag))
        slc_buf_append_text(out, " -xa '(__sluice_keys)'");
    else if (flag->value)
        slc_buf_append_text(out, " -x");
    slc_buf_append_text(out, " -d '");
    append_quoted(out, flag->help, "\\");
    slc_buf_append_text(out, "'\n");
}

static void fish_command(struct slc_buf *out, const struct slc_command *command)
{
    enum operand operand = operand_of(command);

    slc_buf_printf(out, "complete -c sluice -n __fish_use_subcommand -xa %s -d '", command->name);
    append_quoted(out, command->summary, "\\");
    slc_buf_append_text(out, "'\n");
    for (const struct slc_flag *flag = command->flags; flag->name; flag++)
        fish_flag(out, command, flag);
    if (operand == OPERAND_NONE)
        return;
    slc_buf_printf(out, "complete -c sluice -n '__fish_seen_subcommand_from %s' ", command->name);
    if (operand == OPERAND_FILE)
        slc_buf_append_text(out, "-F\n");
    else if (operand == OPERAND_REPLICA)
        slc_buf_append_text(out, "-xa '(__sluice_replicas)'\n");
    else {
        slc_buf_append_text(out, "-xa '");
        append_words(out, command);
        slc_buf_append_text(out, "'\n");
    }
}

static void fish(const struct slc_command *const *commands, size_t count, struct slc_buf *out)
{
    slc_buf_append_text(out, "# fish completion for sluice, written by: sluice completion fish\n"
                             "function __sluice_replicas\n"
                             "    " REPLICAS "\n"
                             "end\n"
                             "function __sluice_keys\n"
                             "    printf '%s=\\n' ");
    append_keys(out);
    slc_buf_append_text(out, "\nend\n"
                             "complete -c sluice -f\n"
                             "complete -c sluice -l help -s h -d 'the help text'\n"
                             "complete -c sluice -n __fish_use_subcommand -l version -d 'print the "
                             "version'\n"
                             "complete -c sluice -n __fish_use_subcommand -xa help -d 'Explain one "
                             "command'\n");
    for (size_t i = 0; i < count; i++)
        fish_command(out, commands[i]);
}

bool slc_cli_completion(const char *shell, const struct slc_command *const *commands, size_t count,
                        struct slc_buf *out)
{
    if (strcmp(shell, "bash") == 0)
        bash(commands, count, out);
    else if (strcmp(shell, "zsh") == 0)
        zsh(commands, count, out);
    else if (strcmp(shell, "fish") == 0)
        fish(commands, count, out);
    else
        return false;
    return true;
}
