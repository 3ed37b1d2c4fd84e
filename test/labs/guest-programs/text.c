#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void text_grow(struct text *text, size_t more) {
  if (text->used + more + 1 <= text->room)
    return;
  size_t room = (text->used + more + 1) * 2;
  char *at = realloc(text->at, room);
  if (!at)
    abort();
  text->at = at;
  text->room = room;
}

static void text_add_list(struct text *text, const char *format, va_list list) {
  va_list again;
  va_copy(again, list);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  text_grow(text, (size_t)length);
  vsnprintf(text->at + text->used, (size_t)length + 1, format, list);
  text->used += (size_t)length;
}

void text_add(struct text *text, const char *format, ...) {
  va_list list;
  va_start(list, format);
  text_add_list(text, format, list);
  va_end(list);
}

void text_add_name(struct text *text, const char *name) {
  for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
    if (*c <= ' ' || *c >= 127 || *c == ',' || *c == '%' || *c == ':')
      text_add(text, "%%%02X", *c);
    else
      text_add(text, "%c", *c);
  }
}

void text_say(struct text *text) {
  for (size_t done = 0; done < text->used;) {
    ssize_t n = write(1, text->at + done, text->used - done);
    if (n < 0 && errno != EINTR)
      break;
    if (n > 0)
      done += (size_t)n;
  }
  text->used = 0;
}

void say(const char *format, ...) {
  struct text text = {0};
  va_list list;
  va_start(list, format);
  text_add_list(&text, format, list);
  va_end(list);
  text_add(&text, "\n");
  text_say(&text);
  free(text.at);
}

int read_small(const char *path, char *into, size_t room) {
  into[0] = 0;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return -errno;
  ssize_t n = read(file, into, room - 1);
  int error = errno;
  close(file);
  if (n < 0)
    return -error;
  into[n] = 0;
  return (int)n;
}

double realtime(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

long long monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void rest_ms(long ms) {
  struct timespec rest = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
    ;
}
