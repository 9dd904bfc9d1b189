/* bfloat16 is the upper half of a float32. */

#include <stdint.h>

#define INLINE static inline __attribute__((always_inline)) /* constant arguments become constants of the loop */

INLINE float wide(uint16_t value) {
  union { uint32_t bits; float value; } one = {(uint32_t)value << 16};
  return one.value;
}

/* Round to nearest, ties to even. */
INLINE uint16_t narrow(float value) {
  union { float value; uint32_t bits; } one = {value};
  uint32_t rounded = (one.bits + 0x7fff + (one.bits >> 16 & 1)) >> 16;
  return value != value ? 0x7fc0 : rounded;
}

/* All bits set where the value is above 0, else none. */
INLINE uint16_t above_zero(uint16_t value) { return -(uint16_t)((uint16_t)(value - 1) < 0x7f80); }
