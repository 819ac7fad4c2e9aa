/* SPDX-License-Identifier: Apache-2.0 */
/* Timesteps and tables of IDDPM; values are those of the reference. */
#include "sampling/iddpm-schedule.h"

#include <math.h>
#include <opensora/opensora.h>
#include <string.h>

static void
check_timesteps (const char *spacing, guint n, const guint *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) timesteps = os_iddpm_space (spacing, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (timesteps->len, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpuint (g_array_index (timesteps, guint, i), ==, expected[i]);
}

static void
test_space (void)
{
  check_timesteps ("2", 2, (const guint[]){ 0, 999 });
  check_timesteps ("5", 5, (const guint[]){ 0, 250, 500, 749, 999 });
  /* 166.5, 499.5 and 832.5 round to even numbers. */
  check_timesteps ("7", 7, (const guint[]){ 0, 166, 333, 500, 666, 832, 999 });
  check_timesteps ("1", 1, (const guint[]){ 0 });
  /* Sections of 334, 333 and 333 timesteps. */
  check_timesteps ("2,1, 3", 6, (const guint[]){ 0, 333, 334, 667, 833, 999 });
  check_timesteps ("ddim4", 4, (const guint[]){ 0, 250, 500, 750 });
}

/* Every timestep once, in order, from the first to the last. */
static void
test_space_is_even (void)
{
  for (guint n = 2; n <= OS_IDDPM_TIMESTEPS; n += 7) {
    g_autofree char *spacing = g_strdup_printf ("%u", n);
    g_autoptr (GArray) timesteps = os_iddpm_space (spacing, NULL);
    const double stride = (OS_IDDPM_TIMESTEPS - 1) / (double) (n - 1);

    g_assert_cmpuint (timesteps->len, ==, n);
    for (guint i = 0; i < n; i++)
      g_assert_cmpfloat_with_epsilon (
          g_array_index (timesteps, guint, i), i * stride, 0.5 + 1e-6);
  }
}

static void
test_refused (void)
{
  static const char *const spacings[] = { "", "0", "1001", "-5", "ten", "5.5",
    "10,", "10,,10", "501,499", "ddim", "ddim0", "ddim999", "ddim1001" };

  for (guint i = 0; i < G_N_ELEMENTS (spacings); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (os_iddpm_space (spacings[i], &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
    g_assert_nonnull (strstr (error->message, spacings[i]));
  }
  {
    g_autoptr (GError) error = NULL;

    /* No variance to take for that of the first step. */
    g_assert_null (os_iddpm_schedule ("1", OS_DTYPE_F64, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  }
}

static const OsIddpmStep *
get (const GArray *steps, guint i)
{
  return &g_array_index (steps, OsIddpmStep, i);
}

/* The process over some timesteps is as noisy at each as that over all. */
static void
test_alpha_bar (void)
{
  g_autoptr (GArray) all = os_iddpm_schedule ("1000", OS_DTYPE_F64, NULL);
  g_autoptr (GArray) some = os_iddpm_schedule ("37", OS_DTYPE_F64, NULL);

  g_assert_cmpuint (all->len, ==, OS_IDDPM_TIMESTEPS);
  g_assert_cmpfloat_with_epsilon (get (all, 0)->beta, 1e-4, 1e-16);
  g_assert_cmpfloat_with_epsilon (get (all, 999)->beta, 0.02, 1e-13);
  for (guint i = 0; i < some->len; i++) {
    const OsIddpmStep *step = get (some, i);

    g_assert_cmpfloat_with_epsilon (
        step->alpha_bar, get (all, step->timestep)->alpha_bar, 1e-13);
  }
}

/* Along a path without noise, x_i = sqrt (alpha_bar_i) x_0, the posterior's
 * mean is the path. */
static void
test_posterior (void)
{
  g_autoptr (GArray) steps = os_iddpm_schedule ("20", OS_DTYPE_F64, NULL);

  g_assert_cmpfloat_with_epsilon (get (steps, 0)->coef_x0, 1, 1e-12);
  g_assert_cmpfloat (get (steps, 0)->coef_x, ==, 0);
  g_assert_cmpfloat (
      get (steps, 0)->log_variance, ==, get (steps, 1)->log_variance);
  for (guint i = 1; i < steps->len; i++) {
    const OsIddpmStep *step = get (steps, i);
    const double before = get (steps, i - 1)->alpha_bar;
    const double variance = step->beta * (1 - before) / (1 - step->alpha_bar);

    g_assert_cmpfloat_with_epsilon (
        step->coef_x0 + step->coef_x * step->sqrt_alpha_bar, sqrt (before),
        1e-12);
    g_assert_cmpfloat_with_epsilon (exp (step->log_variance), variance, 1e-12);
    g_assert_cmpfloat_with_epsilon (exp (step->log_beta), step->beta, 1e-12);
  }
}

/* float32 differs, visibly so in the first steps, but not much. */
static void
test_precision (void)
{
  g_autoptr (GArray) wide = os_iddpm_schedule ("100", OS_DTYPE_F64, NULL);
  g_autoptr (GArray) single = os_iddpm_schedule ("100", OS_DTYPE_F32, NULL);

  g_assert_cmpfloat (
      get (single, 1)->coef_x, !=, (float) get (wide, 1)->coef_x);
  for (guint i = 0; i < wide->len; i++) {
    const OsIddpmStep *a = get (wide, i), *b = get (single, i);

    g_assert_cmpuint (a->timestep, ==, b->timestep);
    g_assert_cmpfloat (b->alpha_bar, ==, (float) b->alpha_bar);
    g_assert_cmpfloat_with_epsilon (a->alpha_bar, b->alpha_bar, 1e-6);
    g_assert_cmpfloat_with_epsilon (a->coef_x0, b->coef_x0, 1e-3);
    g_assert_cmpfloat_with_epsilon (a->coef_x, b->coef_x, 1e-3);
    g_assert_cmpfloat_with_epsilon (a->log_variance, b->log_variance, 1e-3);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sampling/iddpm-schedule/space", test_space);
  g_test_add_func (
      "/sampling/iddpm-schedule/space-is-even", test_space_is_even);
  g_test_add_func ("/sampling/iddpm-schedule/refused", test_refused);
  g_test_add_func ("/sampling/iddpm-schedule/alpha-bar", test_alpha_bar);
  g_test_add_func ("/sampling/iddpm-schedule/posterior", test_posterior);
  g_test_add_func ("/sampling/iddpm-schedule/precision", test_precision);
  return g_test_run ();
}
