/* SPDX-License-Identifier: Apache-2.0 */
/* Conversion between float32 and the two 16-bit formats.
 *
 *   binary16: sign 1, exponent 5 (bias 15), fraction 10   (IEEE 754-2019, 3.6)
 *   bfloat16: the upper half of a float32
 *
 * Narrowing adds just under half a unit of the last kept place, or exactly half
 * if that place is odd, and cuts: round to nearest, ties to even. A carry out
 * of the fraction increases the exponent, up to infinity, as it should. */
#include "base/half.h"

#include <math.h>

#define F32_SIGN 0x80000000u
#define F32_INFINITY 0x7f800000u
#define F16_INFINITY 0x7c00u
#define F16_QUIET_NAN 0x7e00u

/* float32 bits of 2^-14, the smallest normal binary16, and of 65520, half a
 * unit above the largest one. */
#define F16_MIN_NORMAL 0x38800000u
#define F16_OVERFLOW 0x477ff000u

guint16
os_f32_to_bf16 (float value)
{
  guint32 bits = os_f32_bits (value);

  /* Quiet, so that cutting the payload cannot make an infinity of it. */
  if ((bits & ~F32_SIGN) > F32_INFINITY)
    return (guint16) (bits >> 16 | 0x0040u);
  return (guint16) ((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

float
os_f16_to_f32 (guint16 half)
{
  guint32 sign = (guint32) (half & 0x8000u) << 16;
  guint32 magnitude = half & 0x7fffu;
  guint32 bits;

  if (magnitude >= F16_INFINITY)
    bits = F32_INFINITY | (magnitude & 0x03ffu) << 13;
  else if (magnitude >= 0x0400u)
    bits = (magnitude << 13) + ((127u - 15u) << 23);
  else /* subnormal or zero: a multiple of 2^-24 */
    bits = os_f32_bits (ldexpf ((float) magnitude, -24));
  return os_f32_from_bits (sign | bits);
}

guint16
os_f32_to_f16 (float value)
{
  guint32 bits = os_f32_bits (value);
  guint16 sign = (guint16) (bits >> 16 & 0x8000u);
  guint32 half;

  bits &= ~F32_SIGN;
  if (bits > F32_INFINITY)
    half = F16_QUIET_NAN | (bits >> 13 & 0x03ffu);
  else if (bits >= F16_OVERFLOW)
    half = F16_INFINITY;
  else if (bits >= F16_MIN_NORMAL)
    half = (bits - ((127u - 15u) << 23) + 0x0fffu + (bits >> 13 & 1)) >> 13;
  else
    /* Beside 0.5 the last place of a float32 is worth 2^-24, the unit of
     * subnormals: the addition rounds. */
    half = os_f32_bits (os_f32_from_bits (bits) + 0.5f) - os_f32_bits (0.5f);
  return (guint16) (sign | half);
}
