/* Max pooling of channels-last maps (images, height, width, channels) in float32 or bfloat16, after a ReLU where `relu`
   is set. Each value is read and written once. `places` says which value of a window was its maximum, NONE where all
   are below 0: that byte is all that the gradient needs. */

#include <math.h>
#include <string.h>

#include "bfloat16.h"

enum { NONE = 255, LANES = 64 }; /* LANES: channels at a time */

typedef struct {
  long height, width, channels, down, across, edge, stride, padding; /* down x across: number of windows */
} Shape;

INLINE float value_of(const void *from, long at, int half) {
  return half ? wide(((const uint16_t *)from)[at]) : ((const float *)from)[at];
}

INLINE void store(void *to, long at, const float *from, long n, int half) {
  uint16_t *words = (uint16_t *)to + at;
  float *values = (float *)to + at;
  if (half)
#pragma omp simd
    for (long k = 0; k < n; k++) words[k] = narrow(from[k]);
  else
#pragma omp simd
    for (long k = 0; k < n; k++) values[k] = from[k];
}

static long larger(long a, long b) { return a > b ? a : b; }
static long smaller(long a, long b) { return a < b ? a : b; }

/* Channels c to c + n of the window at (row, column). */
INLINE void window(Shape at, const void *map, long row, long column, long c, long n, int relu, int half, void *out,
                   uint8_t *places) {
  float best[LANES];
  int32_t place[LANES];
  long top = row * at.stride - at.padding, left = column * at.stride - at.padding;
  for (long k = 0; k < n; k++) best[k] = relu ? 0 : -INFINITY, place[k] = relu ? NONE : -1;
  for (long y = larger(top, 0); y < smaller(top + at.edge, at.height); y++)
    for (long x = larger(left, 0); x < smaller(left + at.edge, at.width); x++) {
      int32_t here = (int32_t)((y - top) * at.edge + x - left);
      long from = (y * at.width + x) * at.channels + c;
#pragma omp simd
      for (long k = 0; k < n; k++) {
        float value = value_of(map, from + k, half);
        int better = (value > best[k]) | (value != value) | (place[k] < 0); /* NaN stays NaN */
        best[k] = better ? value : best[k];
        place[k] = better ? here : place[k];
      }
    }
  long to = (row * at.across + column) * at.channels + c;
  store(out, to, best, n, half);
#pragma omp simd
  for (long k = 0; k < n; k++) places[to + k] = (uint8_t)place[k];
}

/* Channels c to c + n of the gradient at (y, x): the sum over the windows whose maximum lies there. */
INLINE void window_backward(Shape at, const void *gradient, const uint8_t *places, long y, long x, long c, long n,
                            int half, void *out) {
  float sum[LANES];
  for (long k = 0; k < n; k++) sum[k] = 0;
  long low = larger(0, (y + at.padding - at.edge + at.stride) / at.stride);
  long first = larger(0, (x + at.padding - at.edge + at.stride) / at.stride);
  for (long row = low; row < at.down && row * at.stride - at.padding <= y; row++)
    for (long column = first; column < at.across && column * at.stride - at.padding <= x; column++) {
      long from = (row * at.across + column) * at.channels + c;
      int32_t here = (int32_t)((y - row * at.stride + at.padding) * at.edge + x - column * at.stride + at.padding);
#pragma omp simd
      for (long k = 0; k < n; k++) {
        union { float value; int32_t bits; } taken = {value_of(gradient, from + k, half)};
        taken.bits &= -(places[from + k] == here); /* `?:` could compile to a branch, mispredicted half the time */
        sum[k] += taken.value;
      }
    }
  store(out, (y * at.width + x) * at.channels + c, sum, n, half);
}

/* The same for all channels. */
INLINE void every_channel(Shape at, const void *map, long row, long column, int relu, int half, void *out,
                          uint8_t *places) {
  long c = 0;
  for (; c + LANES <= at.channels; c += LANES) window(at, map, row, column, c, LANES, relu, half, out, places);
  if (c < at.channels) window(at, map, row, column, c, at.channels - c, relu, half, out, places);
}

INLINE void every_channel_backward(Shape at, const void *gradient, const uint8_t *places, long y, long x, int half,
                                   void *out) {
  long c = 0;
  for (; c + LANES <= at.channels; c += LANES) window_backward(at, gradient, places, y, x, c, LANES, half, out);
  if (c < at.channels) window_backward(at, gradient, places, y, x, c, at.channels - c, half, out);
}

static const char *image(const void *start, long values, int half) {
  return (const char *)start + values * (half ? sizeof(uint16_t) : sizeof(float));
}

/* map -> out and places. */
void max_pool(const void *map, void *out, uint8_t *places, long images, long height, long width, long channels,
              long down, long across, long edge, long stride, long padding, int half, int relu, int threads) {
  Shape at = {height, width, channels, down, across, edge, stride, padding};
  long values = height * width * channels, pooled = down * across * channels;
#pragma omp parallel for num_threads(threads)
  for (long task = 0; task < images * down; task++) {
    long number = task / down, row = task % down;
    const void *from = image(map, number * values, half);
    void *to = (void *)image(out, number * pooled, half);
    for (long column = 0; column < across; column++) {
      if (half)
        every_channel(at, from, row, column, relu, 1, to, places + number * pooled);
      else
        every_channel(at, from, row, column, relu, 0, to, places + number * pooled);
    }
  }
}

/* gradient of the pooled map, places -> out, the gradient of map. */
void max_pool_backward(const void *gradient, const uint8_t *places, void *out, long images, long height, long width,
                       long channels, long down, long across, long edge, long stride, long padding, int half,
                       int threads) {
  Shape at = {height, width, channels, down, across, edge, stride, padding};
  long values = height * width * channels, pooled = down * across * channels;
#pragma omp parallel for num_threads(threads)
  for (long task = 0; task < images * height; task++) {
    long number = task / height, y = task % height;
    const void *from = image(gradient, number * pooled, half);
    void *to = (void *)image(out, number * values, half);
    for (long x = 0; x < width; x++) {
      if (half)
        every_channel_backward(at, from, places + number * pooled, y, x, 1, to);
      else
        every_channel_backward(at, from, places + number * pooled, y, x, 0, to);
    }
  }
}
