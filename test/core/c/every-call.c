/* Uses every function of luge.h; each line of its answer says what one of them did. Also a C++ program. */
#include "luge.h"

static char line[256];
static uint32_t used;

static void put(char c) {
  if (used < sizeof line) line[used++] = c;
}

static void text(const char *s) {
  while (*s) put(*s++);
}

static void number(int64_t n) {
  char digits[20];
  int count = 0;
  if (n < 0) {
    put('-');
    n = -n;
  }
  do digits[count++] = (char)('0' + n % 10);
  while ((n /= 10) > 0);
  while (count > 0) put(digits[--count]);
}

static void end_line(void) {
  put('\n');
  luge_write(line, used);
  used = 0;
}

/* `name value`, where the value is what a function answered, and the bytes that it copied. */
static void say(const char *name, int32_t answer, const char *bytes, uint32_t cap) {
  text(name);
  put(' ');
  number(answer);
  if (answer > 0 && bytes) {
    put(' ');
    for (uint32_t i = 0; i < (uint32_t)answer && i < cap; i++) put(bytes[i]);
  }
  end_line();
}

static void request(void) {
  char bytes[32];
  say("method", luge_method(bytes, sizeof bytes), bytes, sizeof bytes);
  say("path", luge_path(bytes, sizeof bytes), bytes, sizeof bytes);
  say("query", luge_query(bytes, sizeof bytes), bytes, sizeof bytes);
  say("param", luge_param("id", 2, bytes, sizeof bytes), bytes, sizeof bytes);
  say("header", luge_header("x-a", 3, bytes, sizeof bytes), bytes, sizeof bytes);
  say("no_header", luge_header("x-b", 3, bytes, sizeof bytes), 0, 0);
  say("cut", luge_method(bytes, 2), bytes, 2);
  say("body_size", luge_body_size(), 0, 0);
  say("body_read", luge_body_read(1, bytes, 3), bytes, 3);
}

static void store(void) {
  char bytes[32];
  int64_t sum = 0;
  say("kv_set", luge_kv_set("k", 1, "one", 3, 0), 0, 0);
  say("kv_get", luge_kv_get("k", 1, bytes, sizeof bytes), bytes, sizeof bytes);
  say("kv_insert", luge_kv_insert("k", 1, "two", 3, 0) == LUGE_EEXIST, 0, 0);
  say("kv_swap", luge_kv_swap("k", 1, "no", 2, "two", 3, 0) == LUGE_EAGAIN, 0, 0);
  say("kv_swap", luge_kv_swap("k", 1, "one", 3, "two", 3, 60000000000), 0, 0);
  say("kv_delete", luge_kv_delete("k", 1), 0, 0);
  say("kv_delete", luge_kv_delete("k", 1) == LUGE_ENOENT, 0, 0);
  say("kv_increment", luge_kv_increment("n", 1, -42, &sum), 0, 0);
  say("sum", (int32_t)sum, 0, 0);
}

static void others(void) {
  char bytes[32];
  const char head[] = "PUT /echo?1\r\nx-a: b\r\n";
  say("call", luge_call("echo", 4, head, sizeof head - 1, "body", 4), 0, 0);
  say("call_size", luge_call_size(), 0, 0);
  say("call_read", luge_call_read(2, bytes, sizeof bytes), bytes, sizeof bytes);
  say("call_header", luge_call_header("x-d", 3, bytes, sizeof bytes), bytes, sizeof bytes);
  say("nobody", luge_call("nobody", 6, "", 0, "", 0) == -LUGE_ENOENT, 0, 0);
}

LUGE_HANDLE(handle) {
  int64_t before = luge_clock_ns();
  luge_sleep(1000000);
  say("slept", luge_clock_ns() - before >= 1000000, 0, 0);
  say("status", luge_status(201), 0, 0);
  say("set_header", luge_set_header("x-c", 3, "header", 6), 0, 0);
  luge_log("said", 4);
  request();
  store();
  others();
  say("flush", luge_flush(), 0, 0);
  say("fixed", luge_status(500) == LUGE_EALREADY, 0, 0);
  return 0;
}
