/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#if !defined(OPENSORA_INSIDE) && !defined(OPENSORA_COMPILATION)
#error "Include <opensora/opensora.h> instead of single headers"
#endif

#include <glib-object.h>
#include <opensora/opensora-version.h>

G_BEGIN_DECLS

/**
 * OpensoraStage:
 * @OPENSORA_STAGE_LOAD: opening the model; counted in parts (text encoder,
 *   transformer, VAE)
 * @OPENSORA_STAGE_REFERENCE: reading and encoding reference pictures and
 * videos; counted in files
 * @OPENSORA_STAGE_ENCODE: encoding the prompt; counted in blocks of the text
 *   encoder
 * @OPENSORA_STAGE_SAMPLE: denoising; counted in sampling steps
 * @OPENSORA_STAGE_DECODE: decoding latents; counted in frames
 * @OPENSORA_STAGE_CONVERT: writing a checkpoint; counted in bytes
 * @OPENSORA_STAGE_DOWNLOAD: fetching files of a model; counted in bytes
 *
 * What a long call is doing. In a clip of several loops %OPENSORA_STAGE_SAMPLE
 * and %OPENSORA_STAGE_DECODE begin again with each, and %OPENSORA_STAGE_ENCODE
 * with each text.
 *
 * Since: 0.1
 */
typedef enum {
  OPENSORA_STAGE_LOAD,
  OPENSORA_STAGE_REFERENCE,
  OPENSORA_STAGE_ENCODE,
  OPENSORA_STAGE_SAMPLE,
  OPENSORA_STAGE_DECODE,
  OPENSORA_STAGE_CONVERT,
  OPENSORA_STAGE_DOWNLOAD,
} OpensoraStage;

/**
 * opensora_stage_get_name:
 * @stage: a stage
 *
 * Returns: (transfer none): one lower-case word, "load", "reference",
 *   "encode", "sample", "decode", "convert" or "download"
 *
 * Since: 0.1
 */
OPENSORA_API
const char *opensora_stage_get_name (OpensoraStage stage);

/**
 * OpensoraProgressFunc:
 * @stage: what is being done
 * @done: how much of it is done, in the stage's units
 * @total: how much there is, never 0
 * @user_data: closure
 *
 * Called from the thread that runs the long call; asynchronous calls call it in
 * the main context of their caller. It must return soon.
 *
 * Since: 0.1
 */
typedef void (*OpensoraProgressFunc) (
    OpensoraStage stage, guint64 done, guint64 total, gpointer user_data);

#define OPENSORA_TYPE_NOISE (opensora_noise_get_type ())
#define OPENSORA_TYPE_NOISE_DTYPE (opensora_noise_dtype_get_type ())

/**
 * OpensoraNoise:
 * @OPENSORA_NOISE_CPU: PyTorch's on a CPU
 * @OPENSORA_NOISE_CUDA: PyTorch's on an NVIDIA graphics card
 *
 * Generators of random numbers: the same seed gives other numbers with another.
 *
 * Since: 0.1
 */
typedef enum {
  OPENSORA_NOISE_CPU,
  OPENSORA_NOISE_CUDA,
} OpensoraNoise;

OPENSORA_API
GType opensora_noise_get_type (void);

/**
 * OpensoraNoiseDtype:
 * @OPENSORA_NOISE_DTYPE_F32: 32-bit floating point
 * @OPENSORA_NOISE_DTYPE_BF16: bfloat16
 * @OPENSORA_NOISE_DTYPE_F16: 16-bit floating point
 *
 * Types that random numbers are drawn in.
 *
 * Since: 0.1
 */
typedef enum {
  OPENSORA_NOISE_DTYPE_F32,
  OPENSORA_NOISE_DTYPE_BF16,
  OPENSORA_NOISE_DTYPE_F16,
} OpensoraNoiseDtype;

OPENSORA_API
GType opensora_noise_dtype_get_type (void);

G_END_DECLS
