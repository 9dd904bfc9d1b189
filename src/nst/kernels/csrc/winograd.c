/* Winograd's convolution, F(4 x 4, 3 x 3): the steps before and behind its matrix products.

   A map is (height, width, channels), float32. It is cut into squares of 4 x 4 outputs, each of which depends on 6 x 6
   inputs; `first` and `rows` are those rows of squares that a call is for. Frequencies are (6, 6, squares, channels).
   The polynomials are evaluated at 0, 1, -1, 2, 1/2 and infinity. Turning a filter by half a circle inverts each point
   and so only exchanges frequencies: with `turned`, the same filters convolve the gradient. */

#include <stddef.h>

enum { IN = 6, OUT = 4, LANES = 64 }; /* LANES: channels at a time: fewer are slow to store, more leave the cache */

static const int PLACES[2][IN] = {{0, 1, 2, 3, 4, 5}, {5, 1, 2, 4, 3, 0}}; /* of frequencies: as they are, turned */
static const float ZEROS[LANES];

#define INLINE static inline __attribute__((always_inline)) /* so that the compiler knows n where it is LANES */

/* The transform of one line of 6 inputs, n channels: B^T. */
INLINE void forth(float *const to[IN], const float *const from[IN], long n) {
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

/* The transform of one line of 6 frequencies to 4 outputs, n channels: A^T. */
INLINE void back(float *const to[OUT], const float *const from[IN], long n) {
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
  long height, width, channels, step; /* step: from a frequency to the next */
  const int *places;
} Shape;

/* n channels, from c on, of the square whose inputs begin at (top, left); 0 outside, and where mask is not above 0. */
INLINE void square_forth(Shape at, const float *map, const float *mask, float *out, long top, long left, long c,
                         long n) {
  float masked[IN][LANES], half[IN][IN][LANES]; /* half: frequencies down, positions across */
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
    forth(to, from, n);
  }
  for (long i = 0; i < IN; i++) {
    for (long j = 0; j < IN; j++) from[j] = half[i][j], to[j] = out + (at.places[i] * IN + at.places[j]) * at.step;
    forth(to, from, n);
  }
}

/* The same way back, to the square whose outputs begin at (top, left): plus bias, and no less than `least`. */
INLINE void square_back(Shape at, const float *in, const float *bias, float least, float *map, long top, long left,
                        long c, long n) {
  float half[OUT][IN][LANES], line[OUT][LANES];
  const float *from[IN];
  float *to[OUT];
  for (long j = 0; j < IN; j++) {
    for (long i = 0; i < IN; i++) from[i] = in + (at.places[i] * IN + at.places[j]) * at.step;
    for (long i = 0; i < OUT; i++) to[i] = half[i][j];
    back(to, from, n);
  }
  for (long i = 0; i < OUT && top + i < at.height; i++) {
    for (long j = 0; j < IN; j++) from[j] = half[i][j];
    for (long j = 0; j < OUT; j++) to[j] = line[j];
    back(to, from, n);
    for (long j = 0; j < OUT && left + j < at.width; j++) {
      float *restrict here = map + ((top + i) * at.width + left + j) * at.channels + c;
#pragma omp simd
      for (long k = 0; k < n; k++) {
        float value = line[j][k] + bias[k];
        here[k] = value < least ? least : value; /* not a number stays what it is */
      }
    }
  }
}

static Shape shape(long height, long width, long channels, long rows, int turned) {
  Shape at = {height, width, channels, rows * ((width + OUT - 1) / OUT) * channels, PLACES[turned]};
  return at;
}

/* map, and mask or null -> out, the frequencies. */
void frequencies(const float *map, const float *mask, float *out, long height, long width, long channels, long first,
                 long rows, int turned, int threads) {
  Shape at = shape(height, width, channels, rows, turned);
  long across = (width + OUT - 1) / OUT;
#pragma omp parallel for num_threads(threads)
  for (long i = 0; i < rows * across; i++)
    for (long c = 0; c < channels; c += LANES) {
      long top = (first + i / across) * OUT - 1, left = i % across * OUT - 1;
      float *to = out + i * channels + c;
      if (channels - c >= LANES)
        square_forth(at, map, mask, to, top, left, c, LANES);
      else
        square_forth(at, map, mask, to, top, left, c, channels - c);
    }
}

/* in, the frequencies, and bias, (channels,) -> map. */
void outputs(const float *in, const float *bias, float least, float *map, long height, long width, long channels,
             long first, long rows, int turned, int threads) {
  Shape at = shape(height, width, channels, rows, turned);
  long across = (width + OUT - 1) / OUT;
#pragma omp parallel for num_threads(threads)
  for (long i = 0; i < rows * across; i++)
    for (long c = 0; c < channels; c += LANES) {
      long top = (first + i / across) * OUT, left = i % across * OUT;
      const float *from = in + i * channels + c;
      if (channels - c >= LANES)
        square_back(at, from, bias + c, least, map, top, left, c, LANES);
      else
        square_back(at, from, bias + c, least, map, top, left, c, channels - c);
    }
}
