/* SPDX-License-Identifier: Apache-2.0 */
/* DPM-Solver++ (arXiv 2211.01095), multistep of second order at uniform times,
 * which Open-Sora 1.0's configurations may name instead of IDDPM
 * (opensora/schedulers/dpms). Nothing is drawn after z. */
#pragma once

#include "sampling/sampler.h"

/* The diffusion process in continuous time, 0.001 .. 1. */
typedef struct _OsDpmProcess OsDpmProcess;

OsDpmProcess *os_dpm_process_new (void);
void os_dpm_process_free (OsDpmProcess *process);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsDpmProcess, os_dpm_process_free)

/* log of alpha, which scales x_0 in x_t; lambda = log (alpha / sigma). */
double os_dpm_process_log_alpha (const OsDpmProcess *process, double t);
double os_dpm_process_lambda (const OsDpmProcess *process, double t);

typedef struct {
  guint steps; /* at least 2 */
  double guidance_scale;
} OsDpmSolver;

/* z [B, C, T, H, W] noise -> sample; the first C channels of the network's
 * predictions count. */
OsTensor *os_dpm_solver_sample (const OsDpmSolver *solver, OsCompute *compute,
    const OsTensor *z, const OsSamplerCallbacks *callbacks);
