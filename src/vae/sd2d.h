/* SPDX-License-Identifier: Apache-2.0 */
/* Decoder of the image autoencoder of Stable Diffusion (diffusers
 * AutoencoderKL), channels last. */
#pragma once

#include "compute/ops.h"
#include "weights/binder.h"
#include "weights/config.h"

typedef struct _OsSd2d OsSd2d;

/* config is at the section of the autoencoder, the binder at its root. Problems
 * are reported by os_config_check() and os_binder_finish(). */
OsSd2d *os_sd2d_new (OsConfig *config, OsBinder *binder);
void os_sd2d_free (OsSd2d *vae);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsSd2d, os_sd2d_free)

/* Latents divided by the scaling factor, [F, H, W, 4] -> pictures
 * [F, 8H, 8W, 3], about -1 .. 1, unclamped. */
OsTensor *os_sd2d_decode (OsSd2d *vae, OsCompute *compute, const OsTensor *z);
