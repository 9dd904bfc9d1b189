/* cat([relu(part) for part in parts], dim=channels) of channels-last maps in float32 or bfloat16, and its gradient,
   which adds the gradients of two uses of the result and masks them. Each value is read and written once. */

#include <stddef.h>

#include "bfloat16.h"

enum { POSITIONS = 4096 }; /* of a task: few enough to balance the threads, many enough to pay for one */

/* NaN stays NaN. */
INLINE void line(const void *from, void *to, long n, int half) {
  const uint16_t *words = from;
  const float *values = from;
  uint16_t *words_out = to;
  float *out = to;
  if (half)
#pragma omp simd
    for (long k = 0; k < n; k++) words_out[k] = words[k] > 0x8000 && words[k] <= 0xff80 ? 0 : words[k];
  else
#pragma omp simd
    for (long k = 0; k < n; k++) out[k] = values[k] < 0 ? 0 : values[k];
}

INLINE void line_backward(const void *map, const void *a, const void *b, void *to, long n, int half) {
  const uint16_t *map_words = map, *a_words = a, *b_words = b;
  const float *map_values = map, *a_values = a, *b_values = b;
  uint16_t *words = to;
  float *values = to;
  if (half && b)
#pragma omp simd
    for (long k = 0; k < n; k++)
      words[k] = narrow(wide(a_words[k]) + wide(b_words[k])) & above_zero(map_words[k]);
  else if (half)
#pragma omp simd
    for (long k = 0; k < n; k++) words[k] = a_words[k] & above_zero(map_words[k]);
  else
#pragma omp simd
    for (long k = 0; k < n; k++) {
      union { float value; int32_t bits; } sum = {b ? a_values[k] + b_values[k] : a_values[k]};
      sum.bits &= -(map_values[k] > 0); /* `?:` could compile to a branch, mispredicted half the time */
      values[k] = sum.value;
    }
}

static char *at(const void *start, long value, int half) {
  return start ? (char *)start + value * (half ? sizeof(uint16_t) : sizeof(float)) : NULL;
}

INLINE void task_forward(const void *const *parts, const long *channels, long count, long all, long first, long last,
                       void *map, int half) {
  for (long p = first; p < last; p++)
    for (long i = 0, c = 0; i < count; c += channels[i++])
      line(at(parts[i], p * channels[i], half), at(map, p * all + c, half), channels[i], half);
}

INLINE void task_backward(const void *map, const void *a, const void *b, void *const *parts, const long *channels,
                      long count, long all, long first, long last, int half) {
  for (long p = first; p < last; p++)
    for (long i = 0, c = 0; i < count; c += channels[i++]) {
      long here = p * all + c;
      line_backward(at(map, here, half), at(a, here, half), at(b, here, half), at(parts[i], p * channels[i], half),
                    channels[i], half);
    }
}

static long sum(const long *channels, long count) {
  long all = 0;
  for (long i = 0; i < count; i++) all += channels[i];
  return all;
}

/* parts, each (positions, channels[i]) -> map (positions, sum of channels). */
void relu_cat(const void *const *parts, const long *channels, long count, long positions, void *map, int half,
              int threads) {
  long all = sum(channels, count);
#pragma omp parallel for num_threads(threads)
  for (long first = 0; first < positions; first += POSITIONS) {
    long last = first + POSITIONS < positions ? first + POSITIONS : positions;
    if (half)
      task_forward(parts, channels, count, all, first, last, map, 1);
    else
      task_forward(parts, channels, count, all, first, last, map, 0);
  }
}

/* Gradients a and b of map (b may be null) -> gradients of its parts. */
void relu_cat_backward(const void *map, const void *a, const void *b, void *const *parts, const long *channels,
                       long count, long positions, int half, int threads) {
  long all = sum(channels, count);
#pragma omp parallel for num_threads(threads)
  for (long first = 0; first < positions; first += POSITIONS) {
    long last = first + POSITIONS < positions ? first + POSITIONS : positions;
    if (half)
      task_backward(map, a, b, parts, channels, count, all, first, last, 1);
    else
      task_backward(map, a, b, parts, channels, count, all, first, last, 0);
  }
}
