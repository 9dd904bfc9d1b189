/* A bank of small filters over each channel: the responses, their ReLUs (of the response and of its negative), and
   these ReLUs averaged over 2 x 2 squares; and the gradient of all three. Each value is read and written once.

   Maps are float32, (images, channels, height, width), padded by edge - 1 rows and columns. The outputs, each of which
   may be null, are `signed_` (images, channels, count, height, width), `relu` (images, 2, channels, count, height,
   width) and, of the first channel alone, `pooled` (images, 2, count, height / 2, width / 2), rounded up. */

#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
enum { AT_ONCE = 2 * LANES, MANY = 8 * LANES / 16 + (LANES < 8), ROWS = 16, WIDE = 4 * LANES };
/* AT_ONCE positions of MANY filters, or WIDE ones of a gradient, stay in registers. ROWS of a gradient are a task. */

typedef float vector __attribute__((vector_size(LANES * 4)));
typedef int choice __attribute__((vector_size(LANES * 4)));
typedef float anywhere __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline)) /* constant arguments become constants of the loop */

typedef struct {
  long images, channels, height, width, edge, count;
} Shape;

static long half(long n) { return (n + 1) / 2; }

/* NaN stays NaN. */
static vector positive_part(vector v) { return (vector)((choice)v & ~(v < 0)); }

static void put(float *to, vector a, vector b, long n) {
  if (n >= AT_ONCE) {
    *(anywhere *)to = a, *(anywhere *)(to + LANES) = b;
  } else {
    vector both[2] = {a, b};
    memcpy(to, both, n * sizeof(float));
  }
}

/* The responses of n filters at AT_ONCE positions, of which `left` lie inside the map. */
INLINE void respond(Shape at, const float *from, long step, const float *filters, long n, float *signed_,
                    float *plus, float *minus, long left) {
  vector sum[MANY][2];
  for (long o = 0; o < n; o++) sum[o][0] = sum[o][1] = (vector){0};
  for (long i = 0; i < at.edge; i++)
    for (long j = 0; j < at.edge; j++, filters += at.count) {
      vector a = *(const anywhere *)(from + i * step + j), b = *(const anywhere *)(from + i * step + j + LANES);
      for (long o = 0; o < n; o++) sum[o][0] += filters[o] * a, sum[o][1] += filters[o] * b;
    }
  long plane = at.height * at.width;
  for (long o = 0; o < n; o++) {
    vector a = sum[o][0], b = sum[o][1];
    if (signed_) put(signed_ + o * plane, a, b, left);
    if (plus) {
      put(plus + o * plane, positive_part(a), positive_part(b), left);
      put(minus + o * plane, positive_part(-a), positive_part(-b), left);
    }
  }
}

static float *of(float *start, long offset) { return start ? start + offset : NULL; }

static void row_forward(Shape at, const float *from, const float *filters, float *signed_, float *relu,
                      long opposite) {
  long step = at.width + at.edge - 1, plane = at.height * at.width;
  for (long x = 0; x < at.width; x += AT_ONCE) {
    long left = at.width - x, own = step;
    float last[at.edge][AT_ONCE + at.edge - 1]; /* a copy where the row ends before the vectors do */
    const float *here = from + x;
    if (left < AT_ONCE) {
      memset(last, 0, sizeof last);
      for (long i = 0; i < at.edge; i++) memcpy(last[i], here + i * step, (left + at.edge - 1) * sizeof(float));
      here = last[0], own = AT_ONCE + at.edge - 1;
    }
    for (long o = 0; o < at.count;) {
      float *raw = of(signed_, o * plane + x), *plus = of(relu, o * plane + x);
      long n = at.count - o >= MANY ? MANY : 1;
      if (n == MANY)
        respond(at, here, own, filters + o, MANY, raw, plus, of(plus, opposite), left);
      else
        respond(at, here, own, filters + o, 1, raw, plus, of(plus, opposite), left);
      o += n;
    }
  }
}

/* Means over 2 x 2 squares, at the border over the part inside. */
static void row_pooled(Shape at, const float *a, long rows, float *to) {
  const float *b = rows > 1 ? a + at.width : a;
#pragma omp simd
  for (long x = 0; x < at.width / 2; x++) to[x] = 0.25f * (a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1]);
  if (at.width % 2) to[at.width / 2] = 0.5f * (a[at.width - 1] + b[at.width - 1]);
}

/* map -> outputs; filters are (edge, edge, count). */
void filter_bank(const float *map, const float *filters, float *signed_, float *relu, float *pooled,
               long images, long channels, long height, long width, long edge, long count, int threads) {
  Shape at = {images, channels, height, width, edge, count};
  long pairs = half(height), plane = height * width, small = pairs * half(width);
#pragma omp parallel for num_threads(threads)
  for (long task = 0; task < images * channels * pairs; task++) {
    long map_number = task / pairs, first = task % pairs * 2, rows = first + 1 < height ? 2 : 1;
    long image = map_number / channels, channel = map_number % channels, opposite = channels * count * plane;
    float *raw = of(signed_, map_number * count * plane);
    float *plus = of(relu, (2 * image * channels + channel) * count * plane);
    for (long y = first; y < first + rows; y++) {
      const float *from = map + (map_number * (height + edge - 1) + y) * (width + edge - 1);
      row_forward(at, from, filters, of(raw, y * width), of(plus, y * width), opposite);
    }
    if (pooled && channel == 0)
      for (long k = 0; k < 2 * count; k++) {
        const float *full = plus + k / count * opposite + k % count * plane + first * width;
        row_pooled(at, full, rows, pooled + (image * 2 * count + k) * small + first / 2 * half(width));
      }
  }
}

/* Where `full` is above 0, add `sign` times the sum of its gradient and of its pooled gradient to a row. */
static void row_masked(Shape at, const float *full, const float *gradient, const float *halves, float share, float sign,
                       float *line, float *to) {
  if (halves) {
    for (long x = 0; x < at.width / 2; x++) line[2 * x] = line[2 * x + 1] = share * halves[x];
    if (at.width % 2) line[at.width - 1] = 2 * share * halves[at.width / 2];
  } else {
    memset(line, 0, at.width * sizeof(float));
  }
  if (gradient)
#pragma omp simd
    for (long x = 0; x < at.width; x++) line[x] += gradient[x];
#pragma omp simd
  for (long x = 0; x < at.width; x++) {
    union { float value; int bits; } kept = {sign * line[x]};
    kept.bits &= -(full[x] > 0); /* without AVX-512 `?:` would compile to a branch, mispredicted half the time */
    to[x] += kept.value;
  }
}

/* A row of the gradient of a response, summed over the outputs. */
static void row_gradient(Shape at, const float *full, const float *raw, const float *gradient, const float *halves,
                         long opposite, long y, float *line, float *to) {
  long small = half(at.height) * half(at.width);
  float share = y + 1 == at.height && at.height % 2 ? 0.5f : 0.25f;
  if (raw)
    memcpy(to, raw + y * at.width, at.width * sizeof(float));
  else
    memset(to, 0, at.width * sizeof(float));
  for (long sign = 0; sign < 2; sign++) {
    long here = sign * opposite + y * at.width;
    const float *half_row = halves ? halves + sign * at.count * small + y / 2 * half(at.width) : NULL;
    if (gradient || halves)
      row_masked(at, full + here, gradient ? gradient + here : NULL, half_row, share, sign ? -1 : 1, line, to);
  }
}

INLINE void add(vector sum[4], float factor, const float *from) {
  for (long v = 0; v < 4; v++) sum[v] += factor * *(const anywhere *)(from + v * LANES);
}

/* Convolve rows with the flipped filters. `ring` holds, for each filter, the last `edge` rows, padded with 0. */
static void row_backward(Shape at, const float *ring, long step, const float *filters, long y, float *to) {
  long width = at.width + at.edge - 1;
  for (long x = 0; x < width; x += WIDE) {
    vector even[4] = {{0}}, odd[4] = {{0}}; /* two sums, so that an addition need not wait for the one before */
    for (long o = 0; o < at.count; o++)
      for (long i = 0; i < at.edge; i++) {
        if (y - i < 0 || y - i >= at.height) continue;
        const float *row = ring + (o * at.edge + (y - i) % at.edge) * step + x + at.edge - 1;
        const float *filter = filters + (o * at.edge + i) * at.edge;
        for (long j = 0; j < at.edge; j++, row--) {
          add(even, filter[j], row);
          if (++j < at.edge) add(odd, filter[j], --row);
        }
      }
    put(to + x, even[0] + odd[0], even[1] + odd[1], width - x);
    if (width - x > AT_ONCE) put(to + x + AT_ONCE, even[2] + odd[2], even[3] + odd[3], width - x - AT_ONCE);
  }
}

/* Gradients of the outputs, each of which may be null -> gradient of map. `relu` is what `filter_bank` wrote; filters
   are (count, edge, edge). Returns 1 where there was no memory, else 0. */
int filter_bank_backward(const float *relu, const float *of_signed, const float *of_relu,
                       const float *of_pooled, const float *filters, float *map, long images, long channels,
                       long height, long width, long edge, long count, int threads) {
  Shape at = {images, channels, height, width, edge, count};
  long rows = height + edge - 1, blocks = (rows + ROWS - 1) / ROWS, plane = height * width;
  long step = width + 2 * (edge - 1) + WIDE, small = half(height) * half(width), failed = 0;
#pragma omp parallel for num_threads(threads) reduction(| : failed)
  for (long task = 0; task < images * channels * blocks; task++) {
    long map_number = task / blocks, first = task % blocks * ROWS, last = first + ROWS < rows ? first + ROWS : rows;
    long image = map_number / channels, channel = map_number % channels, opposite = channels * count * plane;
    float *ring = calloc(count * edge * step + width, sizeof(float));
    if (!ring) {
      failed |= 1;
      continue;
    }
    for (long y = first - edge + 1; y < last; y++) {
      for (long o = 0; o < count && y >= 0 && y < height; o++) {
        long signs = ((2 * image * channels + channel) * count + o) * plane;
        const float *halves = of_pooled && channel == 0 ? of_pooled + (image * 2 * count + o) * small : NULL;
        row_gradient(at, relu ? relu + signs : NULL,
                     of_signed ? of_signed + (map_number * count + o) * plane : NULL,
                     of_relu ? of_relu + signs : NULL, halves, opposite, y, ring + count * edge * step,
                     ring + (o * edge + y % edge) * step + edge - 1);
      }
      if (y >= first) row_backward(at, ring, step, filters, y, map + (map_number * rows + y) * (width + edge - 1));
    }
    free(ring);
  }
  return (int)failed;
}
