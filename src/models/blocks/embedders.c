/* SPDX-License-Identifier: Apache-2.0 */
/* Embedders of the STDiT family. */
#include "models/blocks/embedders.h"

#include <math.h>
#include <opensora/opensora.h>

#include "base/half.h"

OsScalarEmbedder
os_scalar_embedder_bind (OsBinder *binder, const char *name, gint64 C)
{
  OsScalarEmbedder embedder;

  os_binder_push (binder, "%s", name);
  embedder.mlp0 =
      os_binder_linear (binder, "mlp.0", OS_SCALAR_FREQUENCIES, C, TRUE);
  embedder.mlp2 = os_binder_linear (binder, "mlp.2", C, C, TRUE);
  os_binder_pop (binder);
  return embedder;
}

OsTensor *
os_scalar_sinusoid (OsCompute *compute, const float *scalars, gint64 n)
{
  const int half = OS_SCALAR_FREQUENCIES / 2;
  g_autofree float *table = g_new (float, n *OS_SCALAR_FREQUENCIES);

  for (gint64 row = 0; row < n; row++) {
    float *out = table + row * OS_SCALAR_FREQUENCIES;

    for (int i = 0; i < half; i++) {
      const float frequency = expf (-logf (10000.0f) * i / half);

      out[i] = cosf (scalars[row] * frequency);
      out[half + i] = sinf (scalars[row] * frequency);
    }
  }
  return os_compute_upload (
      compute, table, OS_SHAPE (n, OS_SCALAR_FREQUENCIES));
}

OsTensor *
os_scalar_embed (const OsScalarEmbedder *embedder, OsCompute *compute,
    const float *scalars, gint64 n)
{
  g_autoptr (OsTensor) waves = os_scalar_sinusoid (compute, scalars, n);
  g_autoptr (OsTensor) hidden =
      os_linear (compute, &embedder->mlp0, waves, OS_ACT_SILU);

  return os_linear (compute, &embedder->mlp2, hidden, OS_ACT_NONE);
}

OsCaptionEmbedder
os_caption_embedder_bind (OsBinder *binder, const char *name,
    gint64 caption_channels, gint64 C, gint64 max_length)
{
  OsCaptionEmbedder embedder;

  os_binder_push (binder, "%s", name);
  embedder.fc1 =
      os_binder_linear (binder, "y_proj.fc1", caption_channels, C, TRUE);
  embedder.fc2 = os_binder_linear (binder, "y_proj.fc2", C, C, TRUE);
  embedder.null_caption = os_binder_weight (
      binder, "y_embedding", OS_SHAPE (max_length, caption_channels));
  os_binder_pop (binder);
  return embedder;
}

OsTensor *
os_caption_embed (const OsCaptionEmbedder *embedder, OsCompute *compute,
    const OsTensor *caption)
{
  g_autoptr (OsTensor) hidden =
      os_linear (compute, &embedder->fc1, caption, OS_ACT_GELU_TANH);

  return os_linear (compute, &embedder->fc2, hidden, OS_ACT_NONE);
}

static float
round_to (OsDType dtype, float value)
{
  return dtype == OS_DTYPE_BF16 ? os_round_bf16 (value) : value;
}

/* 10000^(-2k/D), k < D/2. */
static void
fill_frequencies (double *out, gint64 D, OsDType dtype)
{
  for (gint64 k = 0; k < D / 2; k++)
    out[k] = dtype == OS_DTYPE_F64
                 ? 1 / pow (10000, 2.0 * k / D)
                 : round_to (dtype, 1.0f / powf (10000.0f, 2.0f * k / D));
}

/* sin and cos of position * frequencies: 2 n values. */
static void
fill_waves (float *out, double position, const double *frequencies, gint64 n,
    OsDType dtype)
{
  for (gint64 k = 0; k < n; k++) {
    const float angle = (float) position * (float) frequencies[k];

    if (dtype == OS_DTYPE_F64) {
      out[k] = sin (position * frequencies[k]);
      out[n + k] = cos (position * frequencies[k]);
    } else {
      out[k] = round_to (dtype, sinf (angle));
      out[n + k] = round_to (dtype, cosf (angle));
    }
  }
}

/* A table of `count` values on the host; NULL if there is no memory. */
static float *
host_table (OsCompute *compute, gint64 count)
{
  float *table = g_try_new (float, count);

  if (!table)
    os_compute_fail (compute,
        g_error_new (OPENSORA_ERROR, OPENSORA_ERROR_MEMORY,
            "No memory for a position table of %" G_GINT64_FORMAT " values",
            count));
  return table;
}

OsTensor *
os_position_embed_2d (OsCompute *compute, gint64 C, gint64 H, gint64 W,
    double scale, gint64 base_size, OsDType dtype)
{
  const gint64 n = C / 4;
  const float stretch_h = base_size ? (double) base_size / H : 1;
  const float stretch_w = base_size ? (double) base_size / W : 1;
  g_autofree double *frequencies = g_new (double, n);
  g_autofree float *table = host_table (compute, H * W * C);

  if (!table)
    return os_compute_tensor (compute, OS_SHAPE (H * W, C));
  fill_frequencies (frequencies, C / 2, dtype);
  for (gint64 i = 0; i < H * W; i++) {
    const float column = (float) (i % W) / (float) scale * stretch_w;
    const float line = (float) (i / W) / (float) scale * stretch_h;

    fill_waves (table + i * C, column, frequencies, n, dtype);
    fill_waves (table + i * C + 2 * n, line, frequencies, n, dtype);
  }
  return os_compute_upload (compute, table, OS_SHAPE (H * W, C));
}

OsTensor *
os_position_embed_1d (OsCompute *compute, gint64 C, gint64 T, double scale)
{
  g_autofree double *frequencies = g_new (double, C / 2);
  g_autofree float *table = host_table (compute, T * C);

  if (!table)
    return os_compute_tensor (compute, OS_SHAPE (T, C));
  fill_frequencies (frequencies, C, OS_DTYPE_F64);
  for (gint64 t = 0; t < T; t++)
    fill_waves (table + t * C, t / scale, frequencies, C / 2, OS_DTYPE_F64);
  return os_compute_upload (compute, table, OS_SHAPE (T, C));
}

OsTensor *
os_rope_table (OsCompute *compute, const float *freqs, gint64 n_freqs, gint64 L,
    OsDType dtype)
{
  g_autofree float *table = host_table (compute, L * n_freqs * 2);

  if (!table)
    return os_compute_tensor (compute, OS_SHAPE (L, n_freqs, 2));
  for (gint64 i = 0; i < L * n_freqs; i++) {
    const float frequency = round_to (dtype, freqs[i % n_freqs]);
    const float angle = round_to (dtype, i / n_freqs * frequency);

    table[2 * i] = round_to (dtype, cosf (angle));
    table[2 * i + 1] = round_to (dtype, sinf (angle));
  }
  return os_compute_upload (compute, table, OS_SHAPE (L, n_freqs, 2));
}

void
os_rope_default_freqs (gint64 D, float *freqs)
{
  for (gint64 i = 0; i < D / 2; i++)
    freqs[i] = 1.0f / powf (10000.0f, 2.0f * i / D);
}
