/* Numbers of Schema.fbs and Message.fbs that both writing and reading need. */
#ifndef SLC_STORE_ARROW_FORMAT_H
#define SLC_STORE_ARROW_FORMAT_H

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "buffers are written as they are");

enum { SLC_ARROW_CONTINUATION = -1, SLC_ARROW_V5 = 4, SLC_ARROW_PREFIX_BYTES = 8 };

/* union MessageHeader */
enum { SLC_ARROW_SCHEMA = 1, SLC_ARROW_RECORD_BATCH = 3 };

/* union Type */
enum {
    SLC_ARROW_NULL = 1,
    SLC_ARROW_INT = 2,
    SLC_ARROW_FLOAT = 3,
    SLC_ARROW_UTF8 = 5,
    SLC_ARROW_BOOL = 6,
    SLC_ARROW_DATE = 8,
    SLC_ARROW_TIMESTAMP = 10,
};

enum { SLC_ARROW_DOUBLE = 2, SLC_ARROW_DAY = 0, SLC_ARROW_MICROSECOND = 2 };

/* Slots of the tables. */
enum { MESSAGE_VERSION, MESSAGE_HEADER_TYPE, MESSAGE_HEADER, MESSAGE_BODY_LENGTH, MESSAGE_SLOTS };
enum { SCHEMA_ENDIANNESS, SCHEMA_FIELDS, SCHEMA_SLOTS };
enum {
    FIELD_NAME,
    FIELD_NULLABLE,
    FIELD_TYPE_TYPE,
    FIELD_TYPE,
    FIELD_DICTIONARY,
    FIELD_CHILDREN,
    FIELD_SLOTS,
};
enum { BATCH_LENGTH, BATCH_NODES, BATCH_BUFFERS, BATCH_COMPRESSION, BATCH_SLOTS };
enum { INT_BIT_WIDTH, INT_IS_SIGNED };
enum { TYPE_FIRST }; /* FloatingPoint.precision, Date.unit, Timestamp.unit */

#endif
