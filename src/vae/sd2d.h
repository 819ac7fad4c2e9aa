/* SPDX-License-Identifier: Apache-2.0 */
/* The image autoencoder of Stable Diffusion (diffusers AutoencoderKL), channels
 * last. */
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

/* Pixels of a latent's edge. */
gint64 os_sd2d_get_factor (const OsSd2d *vae);
/* FALSE if the checkpoint has the decoder alone. */
gboolean os_sd2d_can_encode (const OsSd2d *vae);

/* Pictures [F, H, W, 3], -1 .. 1, at least 8 x 8 -> mean and logarithm of the
 * variance of their latents, [F, floor (H / 8), floor (W / 8), 4 + 4]. */
OsTensor *os_sd2d_encode (
    OsSd2d *vae, OsCompute *compute, const OsTensor *pictures);
/* Latents divided by the scaling factor, [F, H, W, 4] -> pictures
 * [F, 8H, 8W, 3], about -1 .. 1, unclamped. */
OsTensor *os_sd2d_decode (OsSd2d *vae, OsCompute *compute, const OsTensor *z);

/* The same in two parts, with features [F, 1, h, w, C] between them, which the
 * second part takes. The deep part, the two levels with the fewest pixels, has
 * nine tenths of the weights: frames go through it together, so that these are
 * prepared once. In the outer part one frame takes as much memory as all the
 * weights. */
OsTensor *os_sd2d_encode_outer (
    OsSd2d *vae, OsCompute *compute, const OsTensor *pictures);
OsTensor *os_sd2d_encode_deep (
    OsSd2d *vae, OsCompute *compute, OsTensor *features);
OsTensor *os_sd2d_decode_deep (
    OsSd2d *vae, OsCompute *compute, const OsTensor *z);
OsTensor *os_sd2d_decode_outer (
    OsSd2d *vae, OsCompute *compute, OsTensor *features);

/* About how many bytes of features there are while pictures of H x W are
 * decoded, n of them at a time in the deep part. */
guint64 os_sd2d_estimate_bytes (
    const OsSd2d *vae, gint64 H, gint64 W, gint64 n);
