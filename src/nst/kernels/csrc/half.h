/* bfloat16: the upper half of a float32. */

#include <stdint.h>

#define INLINE static inline __attribute__((always_inline)) /* so that the compiler knows what is constant in a call */

INLINE float wide(uint16_t value) {
  union { uint32_t bits; float value; } one = {(uint32_t)value << 16};
  return one.value;
}

/* Rounded to the nearest, and to the even one of two. */
INLINE uint16_t narrow(float value) {
  union { float value; uint32_t bits; } one = {value};
  uint32_t rounded = (one.bits + 0x7fff + (one.bits >> 16 & 1)) >> 16;
  return value != value ? 0x7fc0 : rounded;
}

/* All bits where a value is above 0, else none. */
INLINE uint16_t above_zero(uint16_t value) { return -(uint16_t)((uint16_t)(value - 1) < 0x7f80); }
