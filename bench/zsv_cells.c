/* zsv_cells FILE: the time that libzsv (https://github.com/liquidaty/zsv), which
 * bench/run links in from outside, takes on one core to find rows and cells
 * with its fast engine. One line of JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <zsv.h>

struct count {
    zsv_parser parser;
    size_t rows, cells, bytes;
};

static void count_row(void *context)
{
    struct count *count = context;
    size_t n = zsv_cell_count(count->parser);

    count->rows++;
    count->cells += n;
    /* Looking at one cell a row: they have to be there. */
    if (n > 0)
        count->bytes += zsv_get_cell(count->parser, n - 1).len;
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
    struct count count = {0};
    struct zsv_opts options = {0};
    enum zsv_status status;
    double start = seconds_now();

    options.stream = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!options.stream) {
        fprintf(stderr, "usage: zsv_cells FILE\n");
        return 2;
    }
    options.row_handler = count_row;
    options.ctx = &count;
    options.scan_engine = 3; /* the fast one */
    options.buffsize = 1 << 20;
    count.parser = zsv_new(&options);
    if (!count.parser)
        return 1;
    while ((status = zsv_parse_more(count.parser)) == zsv_status_ok)
        ;
    if (status == zsv_status_no_more_input)
        status = zsv_finish(count.parser);
    zsv_delete(count.parser);
    fclose(options.stream);
    printf("{\"rows\": %zu, \"cells\": %zu, \"bytes\": %zu, \"status\": %d, \"seconds\": %.4f}\n",
           count.rows, count.cells, count.bytes, (int)status, seconds_now() - start);
    return status == zsv_status_ok || status == zsv_status_no_more_input ? 0 : 1;
}
