/*
 * The guest's side of Luge's own interface, for C and C++ compiled to wasm32. docs/ABI.md says what each function does.
 *
 *   clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -Wl,--export=handle -I include hello.c -o hello.wasm
 *
 *   #include "luge.h"
 *   LUGE_HANDLE(handle) { luge_write("hello\n", 6); return 0; }
 *
 * A WASI program may call these functions, too. Functions that copy to `ptr` copy at most `cap` bytes and answer the full length.
 */
#ifndef LUGE_H
#define LUGE_H

#include <stdint.h>

#ifdef __cplusplus
#define LUGE_C extern "C"
#else
#define LUGE_C
#endif

#define LUGE_IMPORT(name) LUGE_C __attribute__((import_module("luge"), import_name(#name)))
/* Defines the function that Luge calls for each request; a result other than 0 is a 500. */
#define LUGE_HANDLE(name) LUGE_C __attribute__((export_name("handle"))) int32_t name(void)

/* What functions answer that do not do what was asked. The numbers are those of WASI preview 1. */
enum luge_errno {
  LUGE_EAGAIN = 6,
  LUGE_EALREADY = 7,
  LUGE_EBUSY = 10,
  LUGE_EDQUOT = 19,
  LUGE_EEXIST = 20,
  LUGE_EFBIG = 22,
  LUGE_EINVAL = 28,
  LUGE_ELOOP = 32,
  LUGE_ENAMETOOLONG = 37,
  LUGE_ENOENT = 44,
  LUGE_ENOMEM = 48,
  LUGE_ENOSPC = 51,
  LUGE_ENOTSUP = 58,
  LUGE_EOVERFLOW = 61,
  LUGE_ESPIPE = 70
};

/* The request */
LUGE_IMPORT(method) int32_t luge_method(char *ptr, uint32_t cap);
LUGE_IMPORT(path) int32_t luge_path(char *ptr, uint32_t cap);
LUGE_IMPORT(query) int32_t luge_query(char *ptr, uint32_t cap);
/* What `:name` of the route's pattern, or "*", its wildcard, stands for, as it was sent. -1: there is none of that name. */
LUGE_IMPORT(param) int32_t luge_param(const char *name, uint32_t name_bytes, char *ptr, uint32_t cap);
/* -1: there is no such header. */
LUGE_IMPORT(header) int32_t luge_header(const char *name, uint32_t name_bytes, char *ptr, uint32_t cap);
/* -1: not known, of a body that streams (requestBody), whose reads wait, and go forward only: -LUGE_ESPIPE for what is behind. */
LUGE_IMPORT(body_size) int32_t luge_body_size(void);
LUGE_IMPORT(body_read) int32_t luge_body_read(uint32_t offset, void *ptr, uint32_t bytes);

/* The response. LUGE_EALREADY: status and headers are fixed, the head has gone out. */
LUGE_IMPORT(status) int32_t luge_status(int32_t code);
LUGE_IMPORT(set_header)
int32_t luge_set_header(const char *name, uint32_t name_bytes, const char *value, uint32_t value_bytes);
LUGE_IMPORT(write) int32_t luge_write(const void *ptr, uint32_t bytes);
/* What was written so far goes out now, the head first; it does not wait. LUGE_EINVAL: a CGI head that is not complete. */
LUGE_IMPORT(flush) int32_t luge_flush(void);

LUGE_IMPORT(log) void luge_log(const char *ptr, uint32_t bytes);
LUGE_IMPORT(clock_ns) int64_t luge_clock_ns(void);
LUGE_IMPORT(sleep) void luge_sleep(int64_t ns);

/* The tenant's key-value store. ttl_ns: 0 = for ever. 0 or an errno, but for kv_get: a length, -1 when absent, or -LUGE_EBUSY. */
LUGE_IMPORT(kv_get) int32_t luge_kv_get(const void *key, uint32_t key_bytes, void *ptr, uint32_t cap);
LUGE_IMPORT(kv_set)
int32_t luge_kv_set(const void *key, uint32_t key_bytes, const void *value, uint32_t bytes, int64_t ttl_ns);
LUGE_IMPORT(kv_insert)
int32_t luge_kv_insert(const void *key, uint32_t key_bytes, const void *value, uint32_t bytes, int64_t ttl_ns);
LUGE_IMPORT(kv_swap)
int32_t luge_kv_swap(const void *key, uint32_t key_bytes, const void *expected, uint32_t expected_bytes,
                     const void *value, uint32_t bytes, int64_t ttl_ns);
LUGE_IMPORT(kv_increment)
int32_t luge_kv_increment(const void *key, uint32_t key_bytes, int64_t delta, int64_t *result);
LUGE_IMPORT(kv_delete) int32_t luge_kv_delete(const void *key, uint32_t key_bytes);

/* Other functions of the tenant. A status, -errno, or minus the status of a failure. `head`: request line and header lines, or empty. */
LUGE_IMPORT(call)
int32_t luge_call(const char *name, uint32_t name_bytes, const char *head, uint32_t head_bytes,
                  const void *body, uint32_t body_bytes);
LUGE_IMPORT(call_size) int32_t luge_call_size(void);
LUGE_IMPORT(call_read) int32_t luge_call_read(uint32_t offset, void *ptr, uint32_t bytes);
LUGE_IMPORT(call_header)
int32_t luge_call_header(const char *name, uint32_t name_bytes, char *ptr, uint32_t cap);

#endif
