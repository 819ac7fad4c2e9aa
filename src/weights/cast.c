/* SPDX-License-Identifier: Apache-2.0 */
/* Casts, element by element. The 8-bit formats are those of the OCP 8-bit
 * Floating Point Specification, revision 1.0:
 *
 *   F8_E5M2  sign 1, exponent 5 (bias 15), fraction 2: the upper half of a F16
 *   F8_E4M3  sign 1, exponent 4 (bias 7), fraction 3; no infinity, NaN is the
 *            pattern of all ones, so that the largest value is 448 */
#include "weights/cast.h"

#include <math.h>
#include <string.h>

#include "base/half.h"

/* Elements that are F32 between two other types. */
#define BATCH 1024

gboolean
os_dtype_is_float (OsDType dtype)
{
  switch (dtype) {
    case OS_DTYPE_F64:
    case OS_DTYPE_F32:
    case OS_DTYPE_F16:
    case OS_DTYPE_BF16:
    case OS_DTYPE_F8_E4M3:
    case OS_DTYPE_F8_E5M2:
      return TRUE;
    default:
      return FALSE;
  }
}

static float
f8_e4m3_to_f32 (guint8 bits)
{
  int exponent = bits >> 3 & 15;
  int fraction = bits & 7;
  float magnitude;

  if ((bits & 0x7f) == 0x7f)
    magnitude = NAN;
  else if (exponent == 0)
    magnitude = ldexpf ((float) fraction, -9);
  else
    magnitude = ldexpf ((float) (8 + fraction), exponent - 10);
  return copysignf (magnitude, bits & 0x80 ? -1 : 1);
}

static guint16
load_u16 (const guint8 *in, gsize i)
{
  guint16 value;

  memcpy (&value, in + i * sizeof value, sizeof value);
  return value;
}

static float
load_f64 (const guint8 *in, gsize i)
{
  double value;

  memcpy (&value, in + i * sizeof value, sizeof value);
  return (float) value;
}

static void
widen (OsDType from, const guint8 *in, float *out, gsize n)
{
  switch (from) {
    case OS_DTYPE_F64:
      for (gsize i = 0; i < n; i++)
        out[i] = load_f64 (in, i);
      break;
    case OS_DTYPE_F16:
      for (gsize i = 0; i < n; i++)
        out[i] = os_f16_to_f32 (load_u16 (in, i));
      break;
    case OS_DTYPE_BF16:
      for (gsize i = 0; i < n; i++)
        out[i] = os_bf16_to_f32 (load_u16 (in, i));
      break;
    case OS_DTYPE_F8_E4M3:
      for (gsize i = 0; i < n; i++)
        out[i] = f8_e4m3_to_f32 (in[i]);
      break;
    case OS_DTYPE_F8_E5M2:
      for (gsize i = 0; i < n; i++)
        out[i] = os_f16_to_f32 ((guint16) (in[i] << 8));
      break;
    default:
      memcpy (out, in, n * sizeof *out);
  }
}

static void
narrow (OsDType to, const float *in, guint8 *out, gsize n)
{
  if (to == OS_DTYPE_F32) {
    memcpy (out, in, n * sizeof *in);
    return;
  }
  for (gsize i = 0; i < n; i++) {
    guint16 half =
        to == OS_DTYPE_F16 ? os_f32_to_f16 (in[i]) : os_f32_to_bf16 (in[i]);
    memcpy (out + i * sizeof half, &half, sizeof half);
  }
}

void
os_cast (OsDType from, gconstpointer in, OsDType to, gpointer out, gsize n)
{
  const guint8 *source = in;
  guint8 *target = out;
  float batch[BATCH];

  g_return_if_fail (os_dtype_is_float (from));
  g_return_if_fail (
      to == OS_DTYPE_F32 || to == OS_DTYPE_F16 || to == OS_DTYPE_BF16);
  for (gsize done = 0; done < n; done += BATCH) {
    gsize count = MIN (n - done, BATCH);

    widen (from, source + done * os_dtype_size (from), batch, count);
    narrow (to, batch, target + done * os_dtype_size (to), count);
  }
}
