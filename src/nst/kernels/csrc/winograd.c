/* Winograd's convolution F(4 x 4, 3 x 3): the transforms before and after its matrix products.

   A map is float32, (height, width, channels). It is cut into tiles of 4 x 4 outputs, each of which reads 6 x 6 inputs;
   a call computes `rows` rows of tiles from row `first` on. Transformed tiles are (6, 6, tiles, channels). The
   polynomials are evaluated at 0, 1, -1, 2, 1/2 and infinity. Rotating a filter by 180 degrees inverts each point,
   which permutes the transformed values: with `flipped`, the same transformed filters convolve the gradient. */

#include <stddef.h>

enum { IN = 6, OUT = 4, LANES = 64 }; /* LANES: channels at a time; fewer are slow to store, more leave the cache */

static const int PLACES[2][IN] = {{0, 1, 2, 3, 4, 5}, {5, 1, 2, 4, 3, 0}}; /* of transformed values, by `flipped` */
static const float ZEROS[LANES];

#define INLINE static inline __attribute__((always_inline)) /* n is a constant of the loop where it is LANES */

/* B^T of one line of 6 inputs, n channels. */
INLINE void transform(float *const to[IN], const float *const from[IN], long n) {
  float *restrict p = to[0], *restrict q = to[1], *restrict r = to[2];
  float *restrict s = to[3], *restrict t = to[4], *restrict u = to[5];
  const float *a = from[0], *b = from[1], *c = from[2], *d = from[3], *e = from[4], *f = from[5];
#pragma omp simd
  for (long k = 0; k < n; k++) {
    float odd = b[k] - d[k], even = e[k] - c[k];
    p[k] = a[k] - 2.5f * odd - e[k];
    q[k] = b[k] + e[k] - 1.5f * (c[k] + d[k]);
    r[k] = e[k] - b[k] + 3.5f * (c[k] - d[k]);
    s[k] = odd + 2 * even;
    t[k] = 2 * odd + even;
    u[k] = f[k] - 2.5f * even - b[k];
  }
}

/* A^T of one line of 6 transformed values, n channels: 4 outputs. */
INLINE void inverse(float *const to[OUT], const float *const from[IN], long n) {
  float *restrict p = to[0], *restrict q = to[1], *restrict r = to[2], *restrict s = to[3];
  const float *a = from[0], *b = from[1], *c = from[2], *d = from[3], *e = from[4], *f = from[5];
#pragma omp simd
  for (long k = 0; k < n; k++) {
    float sum = b[k] + c[k], difference = b[k] - c[k];
    p[k] = sum + 0.25f * d[k] + 2 * e[k] + a[k];
    q[k] = difference + 0.5f * d[k] + e[k];
    r[k] = sum + d[k] + 0.5f * e[k];
    s[k] = difference + 2 * d[k] + 0.25f * e[k] + f[k];
  }
}

typedef struct {
  long height, width, channels, step; /* step: from one transformed value of a tile to the next */
  const int *places;
} Shape;

/* Channels c to c + n of the tile whose inputs start at (top, left): 0 outside, and where mask is not above 0. */
INLINE void tile_input(Shape at, const float *map, const float *mask, float *out, long top, long left, long c, long n) {
  float masked[IN][LANES], half[IN][IN][LANES]; /* half: transformed along columns, not yet along rows */
  const float *from[IN];
  float *to[IN];
  for (long j = 0; j < IN; j++) {
    for (long i = 0; i < IN; i++) {
      long y = top + i, x = left + j, here = (y * at.width + x) * at.channels + c;
      int inside = y >= 0 && y < at.height && x >= 0 && x < at.width;
      from[i] = inside ? map + here : ZEROS;
      if (inside && mask) {
#pragma omp simd
        for (long k = 0; k < n; k++) masked[i][k] = mask[here + k] > 0 ? map[here + k] : 0;
        from[i] = masked[i];
      }
      to[i] = half[i][j];
    }
    transform(to, from, n);
  }
  for (long i = 0; i < IN; i++) {
    for (long j = 0; j < IN; j++) from[j] = half[i][j], to[j] = out + (at.places[i] * IN + at.places[j]) * at.step;
    transform(to, from, n);
  }
}

/* Back to the tile whose outputs start at (top, left), plus bias, and at least `least`. */
INLINE void tile_output(Shape at, const float *in, const float *bias, float least, float *map, long top, long left, long c,
                        long n) {
  float half[OUT][IN][LANES], line[OUT][LANES];
  const float *from[IN];
  float *to[OUT];
  for (long j = 0; j < IN; j++) {
    for (long i = 0; i < IN; i++) from[i] = in + (at.places[i] * IN + at.places[j]) * at.step;
    for (long i = 0; i < OUT; i++) to[i] = half[i][j];
    inverse(to, from, n);
  }
  for (long i = 0; i < OUT && top + i < at.height; i++) {
    for (long j = 0; j < IN; j++) from[j] = half[i][j];
    for (long j = 0; j < OUT; j++) to[j] = line[j];
    inverse(to, from, n);
    for (long j = 0; j < OUT && left + j < at.width; j++) {
      float *restrict here = map + ((top + i) * at.width + left + j) * at.channels + c;
#pragma omp simd
      for (long k = 0; k < n; k++) {
        float value = line[j][k] + bias[k];
        here[k] = value < least ? least : value; /* NaN stays NaN */
      }
    }
  }
}

/* map, mask or null -> out, the transformed tiles. Around the map there are `padding` zeros, 0 to 2 on each side. */
void winograd_input(const float *map, const float *mask, float *out, long height, long width, long channels, long first,
                    long rows, int flipped, int padding, int threads) {
  long across = (width + 2 * padding - 2 + OUT - 1) / OUT;
  Shape at = {height, width, channels, rows * across * channels, PLACES[flipped]};
#pragma omp parallel for num_threads(threads)
  for (long i = 0; i < rows * across; i++)
    for (long c = 0; c < channels; c += LANES) {
      long top = (first + i / across) * OUT - padding, left = i % across * OUT - padding;
      float *to = out + i * channels + c;
      if (channels - c >= LANES)
        tile_input(at, map, mask, to, top, left, c, LANES);
      else
        tile_input(at, map, mask, to, top, left, c, channels - c);
    }
}

/* in, the transformed tiles, and bias (channels) -> map. */
void winograd_output(const float *in, const float *bias, float least, float *map, long height, long width,
                     long channels, long first, long rows, int flipped, int threads) {
  long across = (width + OUT - 1) / OUT;
  Shape at = {height, width, channels, rows * across * channels, PLACES[flipped]};
#pragma omp parallel for num_threads(threads)
  for (long i = 0; i < rows * across; i++)
    for (long c = 0; c < channels; c += LANES) {
      long top = (first + i / across) * OUT, left = i % across * OUT;
      const float *from = in + i * channels + c;
      if (channels - c >= LANES)
        tile_output(at, from, bias + c, least, map, top, left, c, LANES);
      else
        tile_output(at, from, bias + c, least, map, top, left, c, channels - c);
    }
}
