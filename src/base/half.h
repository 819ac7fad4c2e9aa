/* SPDX-License-Identifier: Apache-2.0 */
/* Half precision: IEEE binary16 and bfloat16, to and from float32. Widening is
 * exact; narrowing rounds to nearest even, as PyTorch does. */
#pragma once

#include <glib.h>
#include <string.h>

static inline guint32
os_f32_bits (float value)
{
  guint32 bits;
  memcpy (&bits, &value, sizeof bits);
  return bits;
}

static inline float
os_f32_from_bits (guint32 bits)
{
  float value;
  memcpy (&value, &bits, sizeof value);
  return value;
}

static inline float
os_bf16_to_f32 (guint16 half)
{
  return os_f32_from_bits ((guint32) half << 16);
}

guint16 os_f32_to_bf16 (float value);
float os_f16_to_f32 (guint16 half);
guint16 os_f32_to_f16 (float value);

/* value rounded to bfloat16 and widened again. */
static inline float
os_round_bf16 (float value)
{
  return os_bf16_to_f32 (os_f32_to_bf16 (value));
}
