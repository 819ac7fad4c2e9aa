/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of ops share: runs on every backend, repeatable values, and
 * the comparison with a plain loop in double. */
#pragma once

#include "compute/backend.h"
#include "compute/ops.h"

/* Registers `path`/backend/threads for each backend of this build and 1, 2 and
 * 5 threads; under valgrind not oneDNN, whose generated code reads beyond its
 * own buffers. */
typedef void (*OptestFunc) (OsCompute *compute);
void optest_add (const char *path, OptestFunc func);

/* Milliseconds within which a cancellation has to be seen. */
gint64 optest_cancel_limit (void);
/* Where a tile of a matrix product takes minutes. */
gboolean optest_on_valgrind (void);

/* Between -1 and 1; the same values in every run. */
float optest_random (void);
OsTensor *optest_tensor (OsCompute *compute, int n_dims, const gint64 *shape);
/* F32 weights; the values can be had by os_weight_get(). */
OsWeight *optest_weight (OsCompute *compute, int n_dims, const gint64 *shape);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsWeight, os_weight_free)

/* A value of any view. */
float optest_at (const OsTensor *tensor, const gint64 *index);
#define AT(tensor, ...) optest_at (tensor, (const gint64[]){ __VA_ARGS__ })

/* |a - b| <= tolerance (1 + |b|), with the place in the message. */
void optest_assert_near (
    float actual, double expected, double tolerance, gint64 where);
/* All values, in row-major order. */
void optest_assert_tensor (OsCompute *compute, const OsTensor *actual,
    const double *expected, double tolerance);
void optest_assert_equal (
    OsCompute *compute, const OsTensor *a, const OsTensor *b);

/* As optest_assert_near(), value by value. */
void optest_assert_similar (
    OsCompute *compute, const OsTensor *a, const OsTensor *b, double tolerance);

double optest_activate (double x, OsActivation act);
