/* SPDX-License-Identifier: Apache-2.0 */
/* The exponential function of the kernels, which compilers vectorise. */
#pragma once

#include "base/half.h"

/* exp (x) to about 1 ulp (Cephes): 2^n e^r, |r| <= ln 2 / 2. 0 below the
 * smallest normal number, so that masked scores weigh exactly nothing. */
static inline float
exp_f32 (float x)
{
  const float below = 88.37f < x ? 88.37f : x;
  const float clamped = -87.33f > below ? -87.33f : below;
  const float magic = 12582912.0f; /* 1.5 * 2^23 rounds to an integer */
  const float n = (clamped * 1.44269504f + magic) - magic;
  const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;

  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = (p * r * r + r) + 1.0f;
  p *= os_f32_from_bits ((guint32) ((gint32) n + 127) << 23);
  return x < -87.33f ? 0.0f : p;
}
