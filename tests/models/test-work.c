/* SPDX-License-Identifier: Apache-2.0 */
/* How much work a clip and its steps are, counted: floating point operations
 * and ops exactly, memory within bounds. Text that is multiplied again in a
 * step, a half of guidance that is embedded twice, one more pass over the
 * tokens or a matrix of all tokens by all tokens is seen here, however fast the
 * machine is. */
#include "models/stdit.h"
#include "optest.h"

enum {
  B = 2,
  C = 24,
  DEPTH = 2,
  HIDDEN = 4 * C,
  CAPTION = 12,
  FREQUENCIES = 256, /* of the embedding of a scalar */
  IN = 4 * 2 * 2,    /* values of a patch */
  OUT = 2 * IN,      /* with their variance */
};

/* Tokens of a text, frames, tokens of a frame. */
static const gint64 text_lengths[B] = { 40, 80 };
enum {
  T = 2,
  SIDE = 32,
  S = SIDE * SIDE,
  M = B * T * S
};

typedef struct {
  const char *json;
  guint n_blocks;
  guint n_self;           /* layers of self attention */
  guint n_spatial;        /* of them within frames, the rest across */
  guint n_normed;         /* of them with norms of queries and keys */
  guint n_norms;          /* of a block: before attention and the MLP */
  guint n_elementwise;    /* beside a sum for each table of modulations */
  guint64 formats, times; /* operations of their embedders */
} Case;

#define JSON(version)                                                          \
  "{\"model_type\": \"" version "\", \"hidden_size\": 24, \"depth\": 2, "      \
  "\"num_heads\": 2, \"mlp_ratio\": 4, \"caption_channels\": 12, "             \
  "\"model_max_length\": 80}"

static guint64
linear (gint64 rows, gint64 in, gint64 out)
{
  return 2 * rows * in * out;
}

/* n scalars to width values each. */
static guint64
scalars (gint64 n, gint64 width)
{
  return linear (n, FREQUENCIES, width) + linear (n, width, width);
}

typedef struct {
  OsStdit *model;
  OsTensor *captions[B];
  OsTensor *x;
  OsStditClip *clip;
} Fixture;

static OsStditClip *
new_clip (Fixture *f, OsCompute *compute)
{
  const OsStditFormat format = { 16 * SIDE, 16 * SIDE, T, 24 };

  return os_stdit_clip_new (f->model, compute,
      &(OsStditClipInfo){ .B = B,
          .T = T,
          .H = 2 * SIDE,
          .W = 2 * SIDE,
          .captions = (const OsTensor *const *) f->captions,
          .formats = &format,
          .n_formats = 1 });
}

static void
step (Fixture *f, OsCompute *compute)
{
  g_autoptr (OsTensor) out =
      os_stdit_forward_guided (f->clip, compute, f->x, 500, NULL);

  g_assert_true (os_compute_check (compute, NULL));
}

/* A clip has been made and a step computed, after which weights are prepared.
 */
static void
fixture_init (Fixture *f, OsCompute *compute, const char *json)
{
  g_autoptr (OsConfig) config = os_config_parse (json, -1, "dit.json", NULL);
  g_autoptr (OsBinder) binder =
      os_binder_new_random (os_compute_get_pool (compute), 11);

  f->model = os_stdit_new (config, binder, NULL);
  g_assert_nonnull (f->model);
  for (int b = 0; b < B; b++)
    f->captions[b] =
        optest_tensor (compute, OS_SHAPE (text_lengths[b], CAPTION));
  f->x = optest_tensor (compute, OS_SHAPE (B / 2, 4, T, 2 * SIDE, 2 * SIDE));
  f->clip = new_clip (f, compute);
  step (f, compute);
}

static void
fixture_clear (Fixture *f)
{
  os_stdit_clip_free (f->clip);
  os_tensor_unref (f->x);
  for (int b = 0; b < B; b++)
    os_tensor_unref (f->captions[b]);
  os_stdit_free (f->model);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Fixture, fixture_clear)

/* --- operations --- */

/* The captions' embedding, then keys and values for every block. */
static guint64
clip_flops (const Case *c)
{
  guint64 flops = c->formats;

  for (int b = 0; b < B; b++)
    flops += linear (text_lengths[b], CAPTION, C)
             + linear (text_lengths[b], C, C)
             + c->n_blocks * linear (text_lengths[b], C, 2 * C);
  return flops;
}

static guint64
linear_flops (const Case *c)
{
  const guint64 self = linear (M, C, 3 * C) + linear (M, C, C);
  const guint64 cross = 2 * linear (M, C, C);
  const guint64 mlp = linear (M, C, HIDDEN) + linear (M, HIDDEN, C);

  return linear (M / 2, IN, C) + c->times + c->n_self * self
         + c->n_blocks * (cross + mlp) + linear (M, C, OUT);
}

static guint64
attention_flops (const Case *c)
{
  const guint64 spatial = 4 * M * S * C, temporal = 4 * M * T * C;
  const guint64 cross = 4 * M / B * C * (text_lengths[0] + text_lengths[1]);

  return c->n_spatial * spatial + (c->n_self - c->n_spatial) * temporal
         + c->n_blocks * cross;
}

/* All entries of an op, together. */
static OsProfileEntry
sum_of (const OsProfile *profile, OsOp op)
{
  OsProfileEntry sum = { 0 };
  guint n;
  const OsProfileEntry *entries = os_profile_get_entries (profile, &n);

  for (guint i = 0; i < n; i++) {
    if (entries[i].op == op) {
      sum.calls += entries[i].calls;
      sum.flops += entries[i].flops;
    }
  }
  return sum;
}

static void
check_step (const Case *c, const OsProfile *profile)
{
  const OsProfileEntry linears = sum_of (profile, OS_OP_LINEAR);
  const OsProfileEntry attention = sum_of (profile, OS_OP_ATTENTION);

  g_assert_cmpuint (linears.flops, ==, linear_flops (c));
  g_assert_cmpuint (attention.flops, ==, attention_flops (c));
  g_assert_cmpuint (attention.calls, ==, c->n_self + B * c->n_blocks);
  /* Each of them is a pass over all tokens. */
  g_assert_cmpuint (sum_of (profile, OS_OP_NORM).calls, ==,
      c->n_norms * c->n_blocks + 2 * c->n_normed + 1);
  g_assert_cmpuint (sum_of (profile, OS_OP_ELEMENTWISE).calls, ==,
      2 * DEPTH + c->n_elementwise);
}

static void
test_operations (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (OsCompute) compute = os_compute_new (NULL, 1, NULL);
  g_autoptr (OsProfile) profile = os_profile_new ();
  g_autoptr (OsStditClip) clip = NULL;
  guint64 before;
  g_auto (Fixture) f;

  fixture_init (&f, compute, c->json);
  before = os_compute_get_flops (compute);
  clip = new_clip (&f, compute);
  g_assert_cmpuint (
      os_compute_get_flops (compute) - before, ==, clip_flops (c));

  os_profile_start (profile, compute);
  step (&f, compute);
  os_profile_stop (profile, compute);
  check_step (c, profile);
}

/* --- memory --- */

/* A clip holds the keys and values of its text, and little else; a step no
 * matrix of S x S. */
static void
test_memory (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (OsCompute) compute = os_compute_new (NULL, 1, NULL);
  OsMemPool *pool = os_compute_get_pool (compute);
  const guint64 n_text = text_lengths[0] + text_lengths[1];
  const guint64 text = c->n_blocks * n_text * 2 * C * sizeof (float);
  const guint64 positions = 128 * 1024; /* S x C, as memory is rounded */
  g_autoptr (OsStditClip) clip = NULL;
  guint64 before;
  g_auto (Fixture) f;

  fixture_init (&f, compute, c->json);
  before = os_mem_pool_get_in_use (pool);
  clip = new_clip (&f, compute);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool) - before, >=, text);
  g_assert_cmpuint (
      os_mem_pool_get_in_use (pool) - before, <, text + positions + 4096);

  /* What there is in all, weights and scratch as well, is less than one matrix
   * for one head. */
  g_assert_cmpuint (
      os_mem_pool_get_peak (pool), <, (guint64) S * S * sizeof (float));
}

int
main (int argc, char **argv)
{
  const guint64 t_block = scalars (1, C) + linear (B, C, 6 * C);
  const guint64 t_block_temp = linear (B, C, 3 * C);
  const Case cases[] = {
    { .json = JSON ("STDiT"),
        .n_blocks = DEPTH,
        .n_self = 2 * DEPTH,
        .n_spatial = DEPTH,
        .n_norms = 2,
        .n_elementwise = 4,
        .times = t_block },
    { .json = JSON ("STDiT2"),
        .n_blocks = DEPTH,
        .n_self = 2 * DEPTH,
        .n_spatial = DEPTH,
        .n_normed = 2 * DEPTH,
        .n_norms = 3,
        .n_elementwise = 6,
        .formats =
            2 * scalars (B, C) + scalars (2 * B, C / 3) + scalars (B, C / 3),
        .times = t_block + t_block_temp },
    { .json = JSON ("STDiT3"),
        .n_blocks = 2 * DEPTH,
        .n_self = 2 * DEPTH,
        .n_spatial = DEPTH,
        .n_normed = 2 * DEPTH,
        .n_norms = 2,
        .n_elementwise = 4,
        .formats = scalars (B, C),
        .times = t_block },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *operations =
        g_strdup_printf ("/models/work/operations/%u", i + 1);
    g_autofree char *memory = g_strdup_printf ("/models/work/memory/%u", i + 1);

    g_test_add_data_func (operations, &cases[i], test_operations);
    g_test_add_data_func (memory, &cases[i], test_memory);
  }
  return g_test_run ();
}
