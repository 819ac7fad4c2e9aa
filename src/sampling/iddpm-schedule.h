/* SPDX-License-Identifier: Apache-2.0 */
/* The diffusion process of Open-Sora 1.0 and 1.1: 1000 timesteps with linear
 * betas, of which a sampler takes some (opensora/schedulers/iddpm: respace.py,
 * gaussian_diffusion.py; arXiv 2102.09672). */
#pragma once

#include "tensor/tensor.h"

#define OS_IDDPM_TIMESTEPS 1000

/* Variance that timestep t adds, t < OS_IDDPM_TIMESTEPS. */
double os_iddpm_beta (guint t);

/* The timesteps that a spacing keeps, of guint, ascending: "100" are so many
 * evenly spaced ones; "10,15,20" in each of three equal sections; "ddim25" are
 * 25 with the same integer between them. SETTINGS if there are no such ones. */
GArray *os_iddpm_space (const char *spacing, GError **error);

/* One step of the process over these timesteps alone. */
typedef struct {
  guint timestep;
  double beta, log_beta;
  double alpha_bar; /* the product of 1 - beta up to here */
  double sqrt_alpha_bar, sqrt_one_minus_alpha_bar;
  double sqrt_recip_alpha_bar, sqrt_recipm1_alpha_bar;
  /* Of x_{i-1}, given x_i and x_0: log of the variance, of which the first
   * step's is 0 and replaced by the second's; mean coef_x0 x_0 + coef_x x_i. */
  double log_variance, coef_x0, coef_x;
} OsIddpmStep;

/* An OsIddpmStep for each of at least two timesteps. precision F32 rounds as
 * Open-Sora 1.1 does, F64 as 1.0. */
GArray *os_iddpm_schedule (
    const char *spacing, OsDType precision, GError **error);
