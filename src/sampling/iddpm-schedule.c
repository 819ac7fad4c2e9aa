/* SPDX-License-Identifier: Apache-2.0 */
/* Timesteps and tables of IDDPM. */
#include "sampling/iddpm-schedule.h"

#include <math.h>
#include <opensora/opensora.h>
#include <string.h>

#define BETA_START 0.0001
#define BETA_END 0.02
#define DDIM_PREFIX "ddim"

double
os_iddpm_beta (guint t)
{
  return BETA_START + t * ((BETA_END - BETA_START) / (OS_IDDPM_TIMESTEPS - 1));
}

/* --- timesteps --- */

static gboolean
refuse (const char *spacing, GError **error)
{
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "\"%s\" sampling steps cannot be taken of %d timesteps; give a number "
      "from 2 to %d, one for each of several sections (\"10,15,20\"), or "
      "\"ddim\" and a number of steps with an integer between them",
      spacing, OS_IDDPM_TIMESTEPS, OS_IDDPM_TIMESTEPS);
  return FALSE;
}

static gboolean
space_ddim (GArray *timesteps, const char *spacing, GError **error)
{
  guint64 n;

  if (!g_ascii_string_to_unsigned (
          spacing + strlen (DDIM_PREFIX), 10, 1, OS_IDDPM_TIMESTEPS, &n, NULL))
    return refuse (spacing, error);
  for (guint stride = 1; stride < OS_IDDPM_TIMESTEPS; stride++) {
    if ((OS_IDDPM_TIMESTEPS + stride - 1) / stride != n)
      continue;
    for (guint t = 0; t < OS_IDDPM_TIMESTEPS; t += stride)
      g_array_append_val (timesteps, t);
    return TRUE;
  }
  return refuse (spacing, error);
}

/* n timesteps of the section [start, start + size), its ends among them. The
 * stride is added up, as its rounding decides. */
static void
space_section (GArray *timesteps, guint start, guint size, guint n)
{
  const double stride = n > 1 ? (size - 1) / (double) (n - 1) : 1;
  double position = 0;

  for (guint i = 0; i < n; i++, position += stride) {
    const guint t = start + (guint) rint (position);

    g_array_append_val (timesteps, t);
  }
}

static gboolean
space_sections (GArray *timesteps, const char *spacing, GError **error)
{
  g_auto (GStrv) counts = g_strsplit (spacing, ",", -1);
  const guint n_sections = g_strv_length (counts);
  guint start = 0;

  if (n_sections > OS_IDDPM_TIMESTEPS)
    return refuse (spacing, error);
  for (guint i = 0; i < n_sections; i++) {
    const guint size = OS_IDDPM_TIMESTEPS / n_sections
                       + (i < OS_IDDPM_TIMESTEPS % n_sections ? 1 : 0);
    guint64 n;

    if (!g_ascii_string_to_unsigned (
            g_strstrip (counts[i]), 10, 1, size, &n, NULL))
      return refuse (spacing, error);
    space_section (timesteps, start, size, n);
    start += size;
  }
  return n_sections > 0 || refuse (spacing, error);
}

GArray *
os_iddpm_space (const char *spacing, GError **error)
{
  g_autoptr (GArray) timesteps = g_array_new (FALSE, FALSE, sizeof (guint));
  const gboolean ok = g_str_has_prefix (spacing, DDIM_PREFIX)
                          ? space_ddim (timesteps, spacing, error)
                          : space_sections (timesteps, spacing, error);

  return ok ? g_steal_pointer (&timesteps) : NULL;
}

/* --- tables --- */

static double
round_to (OsDType precision, double value)
{
  return precision == OS_DTYPE_F32 ? (float) value : value;
}

/* The step with this beta behind a product `previous`. In float32 every
 * operation rounds: the first steps subtract numbers that are nearly 1. */
static OsIddpmStep
make_step (guint timestep, double beta, double alpha_bar, double previous,
    OsDType precision)
{
#define R(value) round_to (precision, value)
  const double left = R (1 - alpha_bar), left_before = R (1 - previous);
  const double recip = R (1 / alpha_bar);

  return (OsIddpmStep){
    .timestep = timestep,
    .beta = beta,
    .log_beta = R (log (beta)),
    .alpha_bar = alpha_bar,
    .sqrt_alpha_bar = R (sqrt (alpha_bar)),
    .sqrt_one_minus_alpha_bar = R (sqrt (left)),
    .sqrt_recip_alpha_bar = R (sqrt (recip)),
    .sqrt_recipm1_alpha_bar = R (sqrt (R (recip - 1))),
    .log_variance = R (log (R (R (beta * left_before) / left))),
    .coef_x0 = R (R (beta * R (sqrt (previous))) / left),
    .coef_x = R (R (left_before * R (sqrt (R (1 - beta)))) / left),
  };
#undef R
}

/* The product of 1 - beta over all timesteps up to t. */
static double
alpha_bar_of (guint t)
{
  double product = 1;

  for (guint i = 0; i <= t; i++)
    product *= 1 - os_iddpm_beta (i);
  return product;
}

GArray *
os_iddpm_schedule (const char *spacing, OsDType precision, GError **error)
{
  g_autoptr (GArray) timesteps = os_iddpm_space (spacing, error);
  g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, sizeof (OsIddpmStep));
  double whole = 1, product = 1, previous = 1;

  if (!timesteps)
    return NULL;
  if (timesteps->len < 2) {
    refuse (spacing, error);
    return NULL;
  }
  for (guint i = 0; i < timesteps->len; i++) {
    const guint t = g_array_index (timesteps, guint, i);
    const double bar = alpha_bar_of (t);
    const double beta = round_to (precision, 1 - bar / whole);
    OsIddpmStep step;

    product *= round_to (precision, 1 - beta);
    step =
        make_step (t, beta, round_to (precision, product), previous, precision);
    g_array_append_val (steps, step);
    whole = bar;
    previous = step.alpha_bar;
  }
  g_array_index (steps, OsIddpmStep, 0).log_variance =
      g_array_index (steps, OsIddpmStep, 1).log_variance;
  return g_steal_pointer (&steps);
}
