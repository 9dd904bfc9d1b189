/* large = upsample(small) + band, bilinear with align_corners=False, and the gradient of small. Each value is read and
   written once. Maps are float32 and contiguous, at a stride of their own from one map to the next. */

#include <stdlib.h>

typedef struct {
  long maps, height, width, to_height, to_width; /* of small, of large */
} Shape;

/* The two of `from` values between which value `at` of `to` lies; returns the weight of the second. */
static float between(long at, long from, long to, long *first, long *second) {
  float place = ((float)at + 0.5f) * ((float)from / (float)to) - 0.5f;
  if (place < 0) place = 0;
  *first = (long)place < from - 1 ? (long)place : from - 1;
  *second = *first + (*first < from - 1);
  return place - (float)*first;
}

typedef struct {
  int first, second;
  float part;
} Place;

static void row_forward(Shape at, const float *small, const float *band, float *large, long y, const Place *places,
                      float *line) {
  long a, b;
  float down = between(y, at.height, at.to_height, &a, &b);
  const float *upper = small + a * at.width, *lower = small + b * at.width;
#pragma omp simd
  for (long x = 0; x < at.width; x++) line[x] = upper[x] + down * (lower[x] - upper[x]);
  for (long x = 0; x < at.to_width; x++) {
    float left = line[places[x].first], right = line[places[x].second];
    large[y * at.to_width + x] = left + places[x].part * (right - left) + band[y * at.to_width + x];
  }
}

static void row_backward(Shape at, const float *large, float *small, long y, const Place *places, float *line) {
  for (long x = 0; x < at.to_width; x++) line[x] = 0;
  long row = (long)(((float)y - 0.5f) * ((float)at.to_height / (float)at.height)) - 2; /* no earlier row reads y */
  for (row = row > 0 ? row : 0; row < at.to_height; row++) {
    long a, b;
    float down = between(row, at.height, at.to_height, &a, &b);
    float share = (a == y ? 1 - down : 0) + (b == y ? down : 0);
    if (a > y) break;
    if (share == 0) continue;
#pragma omp simd
    for (long x = 0; x < at.to_width; x++) line[x] += share * large[row * at.to_width + x];
  }
  float *to = small + y * at.width;
  for (long x = 0; x < at.width; x++) to[x] = 0;
  for (long x = 0; x < at.to_width; x++) {
    to[places[x].first] += (1 - places[x].part) * line[x];
    to[places[x].second] += places[x].part * line[x];
  }
}

/* For every column of large its two columns of small; behind them, room for a row of either. */
static Place *columns(Shape at) {
  Place *places = malloc(at.to_width * sizeof(Place) + (at.width + at.to_width) * sizeof(float));
  for (long x = 0; places && x < at.to_width; x++) {
    long a, b;
    places[x].part = between(x, at.width, at.to_width, &a, &b);
    places[x].first = (int)a, places[x].second = (int)b;
  }
  return places;
}

/* large = upsample(small) + band. Returns 1 where there was no memory, else 0. */
int upsample_add(const float *small, const float *band, float *large, long small_stride, long band_stride,
                 long large_stride, long maps, long height, long width, long to_height, long to_width, int threads) {
  Shape at = {maps, height, width, to_height, to_width};
  int failed = 0;
#pragma omp parallel num_threads(threads) reduction(| : failed)
  {
    Place *places = columns(at);
    failed = !places;
#pragma omp for
    for (long task = 0; task < maps * to_height; task++) {
      long map = task / to_height;
      if (places)
        row_forward(at, small + map * small_stride, band + map * band_stride, large + map * large_stride,
                  task % to_height, places, (float *)(places + to_width));
    }
    free(places);
  }
  return failed;
}

/* Gradient of large -> gradient of small. */
int upsample_add_backward(const float *large, float *small, long large_stride, long small_stride, long maps,
                          long height, long width, long to_height, long to_width, int threads) {
  Shape at = {maps, height, width, to_height, to_width};
  int failed = 0;
#pragma omp parallel num_threads(threads) reduction(| : failed)
  {
    Place *places = columns(at);
    failed = !places;
#pragma omp for
    for (long task = 0; task < maps * height; task++) {
      long map = task / height;
      if (places)
        row_backward(at, large + map * large_stride, small + map * small_stride, task % height, places,
                 (float *)(places + to_width));
    }
    free(places);
  }
  return failed;
}
