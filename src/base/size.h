/* SPDX-License-Identifier: Apache-2.0 */
/* Size arithmetic that says when it overflows. */
#pragma once

#include <glib.h>

/* a * b into *out; FALSE on overflow or a negative factor. */
static inline gboolean
os_size_mul (gint64 a, gint64 b, gint64 *out)
{
  return a >= 0 && b >= 0 && !__builtin_mul_overflow (a, b, out);
}

static inline gboolean
os_size_add (gint64 a, gint64 b, gint64 *out)
{
  return a >= 0 && b >= 0 && !__builtin_add_overflow (a, b, out);
}

/* Quotient rounded up; b > 0. */
static inline gint64
os_div_up (gint64 a, gint64 b)
{
  return (a + b - 1) / b;
}
