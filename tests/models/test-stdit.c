/* SPDX-License-Identifier: Apache-2.0 */
/* The denoisers, small and with random weights. */
#include "models/stdit.h"

#include <opensora/opensora.h>
#include <string.h>

#include "optest.h"

#define SMALL(version)                                                         \
  "{\"model_type\": \"" version "\", \"hidden_size\": 48, \"depth\": 2, "      \
  "\"num_heads\": 4, \"mlp_ratio\": 2, \"caption_channels\": 12, "             \
  "\"model_max_length\": 10}"

static const char *const small[] = {
  [OS_STDIT_1] = SMALL ("STDiT"),
  [OS_STDIT_2] = SMALL ("STDiT2"),
  [OS_STDIT_3] = SMALL ("STDiT3"),
};

enum {
  T = 3,
  H = 5, /* odd, padded to whole patches */
  W = 4,
};

static OsStdit *
new_model (OsMemPool *pool, const char *json, GError **error)
{
  g_autoptr (OsConfig) config = os_config_parse (json, -1, "dit.json", NULL);
  g_autoptr (OsBinder) binder = os_binder_new_random (pool, 11);

  g_assert_nonnull (config);
  return os_stdit_new (config, binder, error);
}

static const OsStditFormat formats[] = {
  { 8 * H, 8 * W, T, 24 },
  { 8 * H, 8 * W, 4 * T, 8 },
  { 8 * H, 8 * W, T, 24 },
};

/* A clip of B rows whose captions have 3, 7, 3 ... tokens. */
static OsStditClip *
new_clip (OsStdit *model, OsCompute *compute, OsTensor *const *captions,
    const OsStditFormat *of_rows, gint64 B)
{
  const OsStditClipInfo info = { .B = B,
    .T = T,
    .H = H,
    .W = W,
    .captions = (const OsTensor *const *) captions,
    .formats = of_rows,
    .n_formats = B };

  return os_stdit_clip_new (model, compute, &info);
}

typedef struct {
  OsStdit *model;
  OsTensor *captions[2];
  OsTensor *x; /* [2, 4, T, H, W] */
} Fixture;

static void
fixture_init (Fixture *f, OsCompute *compute, OsStditVersion version)
{
  f->model = new_model (os_compute_get_pool (compute), small[version], NULL);
  g_assert_cmpint (os_stdit_get_version (f->model), ==, version);
  f->captions[0] = optest_tensor (compute, OS_SHAPE (3, 12));
  f->captions[1] = optest_tensor (compute, OS_SHAPE (7, 12));
  f->x = optest_tensor (compute, OS_SHAPE (2, 4, T, H, W));
}

static void
fixture_clear (Fixture *f)
{
  os_stdit_free (f->model);
  os_tensor_unref (f->captions[0]);
  os_tensor_unref (f->captions[1]);
  os_tensor_unref (f->x);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Fixture, fixture_clear)

static void
assert_near (const OsTensor *a, const OsTensor *b, double tolerance)
{
  g_assert_true (os_tensor_has_shape (a, b->n_dims, b->shape));
  for (gint64 i = 0; i < os_tensor_count (a); i++)
    optest_assert_near (
        os_tensor_f32 (a)[i], os_tensor_f32 (b)[i], tolerance, i);
}

static double
distance (const OsTensor *a, const OsTensor *b)
{
  double sum = 0;

  for (gint64 i = 0; i < os_tensor_count (a); i++)
    sum += ABS (os_tensor_f32 (a)[i] - os_tensor_f32 (b)[i]);
  return sum / os_tensor_count (a);
}

/* Rows of a batch, whose texts, times and formats differ, are what they are
 * alone. */
static void
check_rows (OsCompute *compute, OsStditVersion version)
{
  const float timesteps[] = { 900, 30 };
  g_auto (Fixture) f;
  g_autoptr (OsStditClip) both = NULL;
  g_autoptr (OsTensor) out = NULL;

  fixture_init (&f, compute, version);
  both = new_clip (f.model, compute, f.captions, formats, 2);
  out = os_stdit_forward (both, compute, f.x, timesteps, NULL);
  g_assert_true (os_tensor_has_shape (out, OS_SHAPE (2, 8, T, H, W)));
  for (int b = 0; b < 2; b++) {
    g_autoptr (OsStditClip) one =
        new_clip (f.model, compute, &f.captions[b], &formats[b], 1);
    g_autoptr (OsTensor) x = os_tensor_slice (f.x, 0, b, 1);
    g_autoptr (OsTensor) alone =
        os_stdit_forward (one, compute, x, &timesteps[b], NULL);
    g_autoptr (OsTensor) row = os_tensor_slice (out, 0, b, 1);

    assert_near (alone, row, 1e-5);
  }
}

/* How far the result moves with other captions, formats or times. */
static double
effect (Fixture *f, OsCompute *compute, OsTensor *const *captions,
    OsStditFormat format, float time)
{
  const float before[] = { 500, 500 }, after[] = { time, time };
  const OsStditFormat others[] = { format, format };
  const OsStditFormat same[] = { formats[0], formats[0] };
  g_autoptr (OsStditClip) clip =
      new_clip (f->model, compute, f->captions, same, 2);
  g_autoptr (OsStditClip) other =
      new_clip (f->model, compute, captions, others, 2);
  g_autoptr (OsTensor) base =
      os_stdit_forward (clip, compute, f->x, before, NULL);
  g_autoptr (OsTensor) moved =
      os_stdit_forward (other, compute, f->x, after, NULL);

  return distance (moved, base);
}

/* What each version knows of. */
static void
check_inputs_count (OsCompute *compute, OsStditVersion version)
{
  const OsStditFormat plain = formats[0];
  OsStditFormat slow = plain, longer = plain, higher = plain;
  OsTensor *swapped[2];
  g_auto (Fixture) f;

  slow.fps = 8;
  longer.num_frames = 16;
  higher.height = 16 * H;
  fixture_init (&f, compute, version);
  swapped[0] = f.captions[1];
  swapped[1] = f.captions[0];
  g_assert_cmpfloat (effect (&f, compute, f.captions, plain, 500), ==, 0);
  g_assert_cmpfloat (effect (&f, compute, swapped, plain, 500), >, 1e-4);
  g_assert_cmpfloat (effect (&f, compute, f.captions, plain, 510), >, 1e-4);
  g_assert_cmpfloat (effect (&f, compute, f.captions, higher, 500), >, 1e-4);
  if (version == OS_STDIT_1)
    g_assert_cmpfloat (effect (&f, compute, f.captions, slow, 500), ==, 0);
  else
    g_assert_cmpfloat (effect (&f, compute, f.captions, slow, 500), >, 1e-4);
  if (version == OS_STDIT_2)
    g_assert_cmpfloat (effect (&f, compute, f.captions, longer, 500), >, 1e-4);
  else
    g_assert_cmpfloat (effect (&f, compute, f.captions, longer, 500), ==, 0);
}

static void
check_mask (OsCompute *compute, OsStditVersion version)
{
  const float timesteps[] = { 700, 700 };
  const guint8 ones[2 * T] = { 1, 1, 1, 1, 1, 1 };
  const guint8 some[2 * T] = { 1, 1, 1, 0, 1, 1 };
  g_auto (Fixture) f;
  g_autoptr (OsStditClip) clip = NULL;
  g_autoptr (OsTensor) plain = NULL;
  g_autoptr (OsTensor) all = NULL;
  g_autoptr (OsTensor) masked = NULL;

  fixture_init (&f, compute, version);
  clip = new_clip (f.model, compute, f.captions, formats, 2);
  plain = os_stdit_forward (clip, compute, f.x, timesteps, NULL);
  all = os_stdit_forward (clip, compute, f.x, timesteps, ones);
  masked = os_stdit_forward (clip, compute, f.x, timesteps, some);
  optest_assert_equal (compute, all, plain);
  {
    g_autoptr (OsTensor) row = os_tensor_slice (plain, 0, 0, 1);
    g_autoptr (OsTensor) row_masked = os_tensor_slice (masked, 0, 0, 1);
    g_autoptr (OsTensor) other = os_tensor_slice (plain, 0, 1, 1);
    g_autoptr (OsTensor) other_masked = os_tensor_slice (masked, 0, 1, 1);

    /* A given frame changes its own clip only. */
    assert_near (row_masked, row, 1e-5);
    g_assert_cmpfloat (distance (other_masked, other), >, 1e-4);
  }
}

static void
check_guided (OsCompute *compute, OsStditVersion version)
{
  const float timesteps[] = { 640, 640 };
  const guint8 mask[] = { 0, 1, 1 }, masks[] = { 0, 1, 1, 0, 1, 1 };
  g_auto (Fixture) f;
  g_autoptr (OsStditClip) clip = NULL;
  g_autoptr (OsTensor) x = NULL;
  g_autoptr (OsTensor) doubled = NULL;

  fixture_init (&f, compute, version);
  clip = new_clip (f.model, compute, f.captions, formats, 2);
  x = os_tensor_slice (f.x, 0, 0, 1);
  doubled = os_concat (compute, (const OsTensor *[]){ x, x }, 2);
  for (int masked = 0; masked < 2; masked++) {
    g_autoptr (OsTensor) guided =
        os_stdit_forward_guided (clip, compute, x, 640, masked ? mask : NULL);
    g_autoptr (OsTensor) plain = os_stdit_forward (
        clip, compute, doubled, timesteps, masked ? masks : NULL);

    g_assert_true (os_tensor_has_shape (guided, OS_SHAPE (2, 8, T, H, W)));
    /* Embedders saw half of the rows, which a backend may round otherwise. */
    assert_near (guided, plain, 1e-5);
  }
}

#define TEST(name)                                                             \
  static void test_##name (OsCompute *compute)                                 \
  {                                                                            \
    for (guint version = 0; version < G_N_ELEMENTS (small); version++)         \
      check_##name (compute, version);                                         \
  }

TEST (rows)
TEST (inputs_count)
TEST (mask)
TEST (guided)

/* STDiT's positions: the table of 16 x 512 x 512 is that of scale 1, and frames
 * are told apart by theirs. */
static void
test_scales (void)
{
  static const struct {
    const char *json;
    float size; /* in pixels */
    gboolean same;
  } cases[] = {
    { "{\"space_scale\": 1, %s", 256, TRUE },
    { "{%s", 512, TRUE },
    { "{%s", 256, FALSE },
    { "{\"space_scale\": 0.5, %s", 512, FALSE },
    { "{\"space_scale\": 1, \"time_scale\": 1, %s", 512, TRUE },
    { "{\"space_scale\": 1, \"time_scale\": 0.6667, %s", 512, FALSE },
  };
  const char *rest = small[OS_STDIT_1] + 1;
  const float timestep = 300;
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsTensor) caption = optest_tensor (compute, OS_SHAPE (3, 12));
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (1, 4, T, H, W));
  g_autoptr (OsTensor) first = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const OsStditFormat format = { cases[i].size, cases[i].size, T, 8 };
    const char *key_end = strstr (cases[i].json, "%s");
    g_autofree char *json = g_strdup_printf (
        "%.*s%s", (int) (key_end - cases[i].json), cases[i].json, rest);
    g_autoptr (OsStdit) model =
        new_model (os_compute_get_pool (compute), json, NULL);
    g_autoptr (OsStditClip) clip =
        new_clip (model, compute, &caption, &format, 1);
    g_autoptr (OsTensor) out =
        os_stdit_forward (clip, compute, x, &timestep, NULL);

    if (!first)
      first = os_tensor_ref (out);
    if (cases[i].same)
      optest_assert_equal (compute, out, first);
    else
      g_assert_cmpfloat (distance (out, first), >, 1e-4);
  }
}

static void
test_null_caption (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsStdit) model =
      new_model (os_compute_get_pool (compute), small[OS_STDIT_3], NULL);
  g_autoptr (OsTensor) all = os_stdit_null_caption (model, compute, 10);
  g_autoptr (OsTensor) some = os_stdit_null_caption (model, compute, 4);
  g_autoptr (OsTensor) first = os_tensor_slice (all, 0, 0, 4);

  g_assert_cmpint (os_stdit_get_in_channels (model), ==, 4);
  g_assert_cmpint (os_stdit_get_caption_channels (model), ==, 12);
  g_assert_cmpint (os_stdit_get_max_length (model), ==, 10);
  g_assert_true (os_tensor_has_shape (some, OS_SHAPE (4, 12)));
  optest_assert_equal (compute, some, first);
  g_assert_cmpfloat (AT (all, 3, 5), !=, AT (all, 4, 5));
}

static void
test_config_errors (void)
{
  static const struct {
    const char *json, *key;
  } cases[] = {
    { "{\"num_heads\": 7}", "num_heads" },
    { "{\"model_type\": \"STDiT2\", \"hidden_size\": 32}", "hidden_size" },
    { "{\"model_type\": \"STDiT\", \"pred_sigma\": false}", "pred_sigma" },
    { "{\"model_type\": \"STDiT\", \"time_scale\": 0}", "time_scale" },
    { "{\"hidden_size\": 48, \"num_heads\": 16}", "num_heads" },
    { "{\"hidden_size\": 6, \"num_heads\": 1}", "hidden_size" },
    { "{\"hidden_size\": -1152}", "hidden_size" },
    { "{\"depth\": 0}", "depth" },
    { "{\"depth\": 2000}", "depth" },
    { "{\"in_channels\": 4.5}", "in_channels" },
    { "{\"mlp_ratio\": -4}", "mlp_ratio" },
    { "{\"patch_size\": [1, 0, 2]}", "patch_size" },
    { "{\"patch_size\": 2}", "patch_size" },
    { "{\"qk_norm\": \"yes\"}", "qk_norm" },
    { "{\"caption_channels\": null, \"model_max_length\": 0}",
        "model_max_length" },
    { "{\"skip_y_embedder\": true}", "skip_y_embedder" },
  };
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (new_model (pool, cases[i].json, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, "dit.json"));
    g_assert_nonnull (strstr (error->message, cases[i].key));
  }
}

static void
test_missing_weights (void)
{
  g_autoptr (OsConfig) config =
      os_config_parse (small[OS_STDIT_3], -1, "dit.json", NULL);
  g_autoptr (OsCheckpoint) empty = os_checkpoint_new ("dit.bin", "test");
  g_autoptr (OsBinder) binder = os_binder_new (empty);
  g_autoptr (GError) error = NULL;

  g_assert_null (os_stdit_new (config, binder, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH);
  g_assert_nonnull (strstr (error->message, "dit.bin"));
  g_assert_nonnull (strstr (error->message, "x_embedder.proj.weight"));
}

static gboolean
run_once (Fixture *f, OsCompute *compute, GError **error)
{
  const float timesteps[] = { 700, 700 };
  const guint8 mask[2 * T] = { 1, 1, 0, 0, 1, 1 };
  g_autoptr (OsStditClip) clip =
      new_clip (f->model, compute, f->captions, formats, 2);
  g_autoptr (OsTensor) out =
      os_stdit_forward (clip, compute, f->x, timesteps, mask);

  g_assert_true (os_tensor_has_shape (out, OS_SHAPE (2, 8, T, H, W)));
  return os_compute_check (compute, error);
}

/* Whichever allocation fails, the pass ends with an error and gives all memory
 * back. */
static void
check_memory_limits (OsCompute *compute, OsStditVersion version)
{
  OsMemPool *pool = os_compute_get_pool (compute);
  guint failures = 0;
  gboolean done = FALSE;
  g_auto (Fixture) f;

  fixture_init (&f, compute, version);
  for (guint64 limit = 64; !done; limit += 3000) {
    const guint64 before = os_mem_pool_get_in_use (pool);
    g_autoptr (GError) error = NULL;

    os_mem_pool_set_limit (pool, before + limit);
    done = run_once (&f, compute, &error);
    os_mem_pool_set_limit (pool, 0);
    if (!done) {
      g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
      failures++;
    }
    /* But for the scratch memory, which stays. */
    g_assert_cmpuint (os_mem_pool_get_in_use (pool), <=, before + 65536);
  }
  g_assert_cmpuint (failures, >, 10);
}

static void
test_memory_limits (void)
{
  for (guint version = 0; version < G_N_ELEMENTS (small); version++) {
    g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);

    check_memory_limits (compute, version);
  }
}

static void
test_cancelled (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 2, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (OsTask) task = os_task_new (cancellable, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_auto (Fixture) f;

  fixture_init (&f, compute, OS_STDIT_3);
  os_compute_set_task (compute, task);
  g_cancellable_cancel (cancellable);
  g_assert_false (run_once (&f, compute, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  os_compute_set_task (compute, NULL);
  g_assert_true (run_once (&f, compute, NULL));
}

/* Without the variance, half of the channels; larger patches in time. */
static void
test_variants (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsStdit) model = new_model (os_compute_get_pool (compute),
      "{\"hidden_size\": 32, \"depth\": 1, \"num_heads\": 2, "
      "\"caption_channels\": 12, \"model_max_length\": 10, "
      "\"pred_sigma\": false, \"qk_norm\": false, \"in_channels\": 3, "
      "\"patch_size\": [2, 3, 2]}",
      NULL);
  g_autoptr (OsTensor) caption = optest_tensor (compute, OS_SHAPE (1, 12));
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (1, 3, T, H, W));
  g_autoptr (OsStditClip) clip =
      new_clip (model, compute, &caption, formats, 1);
  const float timestep = 10;
  g_autoptr (OsTensor) out =
      os_stdit_forward (clip, compute, x, &timestep, NULL);

  g_assert_true (os_tensor_has_shape (out, OS_SHAPE (1, 3, T, H, W)));
  g_assert_true (os_compute_check (compute, NULL));
  for (gint64 i = 0; i < os_tensor_count (out); i++)
    g_assert_cmpfloat (ABS (os_tensor_f32 (out)[i]), <, 100);
}

/* A step that is left out sees its own latents and timestep, but the blocks of
 * the step before. */
static void
check_step_cache (
    OsCompute *compute, OsStditVersion version, const guint8 *x_mask)
{
  const OsStepCacheSettings all = { .threshold = 1e9 };
  const float times[][2] = { { 900, 900 }, { 900, 900 }, { 500, 500 },
    { 100, 100 } };
  g_auto (Fixture) f;
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (2, 4, T, H, W));
  g_autoptr (OsStditClip) plain = NULL;
  g_autoptr (OsStditClip) cached = NULL;
  OsStditClipInfo info = { 2, T, H, W, .formats = formats, .n_formats = 2 };

  fixture_init (&f, compute, version);
  info.captions = (const OsTensor *const *) f.captions;
  plain = os_stdit_clip_new (f.model, compute, &info);
  info.step_cache = &all;
  info.steps = G_N_ELEMENTS (times);
  cached = os_stdit_clip_new (f.model, compute, &info);
  for (guint i = 0; i < G_N_ELEMENTS (times); i++) {
    const OsTensor *latents = i < 2 ? f.x : x;
    g_autoptr (OsTensor) expected =
        os_stdit_forward (plain, compute, latents, times[i], x_mask);
    g_autoptr (OsTensor) out =
        os_stdit_forward (cached, compute, latents, times[i], x_mask);

    if (i == 2)
      g_assert_cmpfloat (distance (out, expected), >, 1e-3);
    else
      assert_near (out, expected, 1e-5);
  }
}

static void
test_step_cache (void)
{
  const guint8 x_mask[] = { 0, 1, 1, 0, 1, 1 };
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);

  for (OsStditVersion version = OS_STDIT_1; version <= OS_STDIT_3; version++) {
    check_step_cache (compute, version, NULL);
    check_step_cache (compute, version, x_mask);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/models/stdit/rows", test_rows);
  optest_add ("/models/stdit/inputs-count", test_inputs_count);
  optest_add ("/models/stdit/mask", test_mask);
  optest_add ("/models/stdit/guided", test_guided);
  g_test_add_func ("/models/stdit/step-cache", test_step_cache);
  g_test_add_func ("/models/stdit/scales", test_scales);
  g_test_add_func ("/models/stdit/null-caption", test_null_caption);
  g_test_add_func ("/models/stdit/config-errors", test_config_errors);
  g_test_add_func ("/models/stdit/missing-weights", test_missing_weights);
  g_test_add_func ("/models/stdit/memory-limits", test_memory_limits);
  g_test_add_func ("/models/stdit/cancelled", test_cancelled);
  g_test_add_func ("/models/stdit/variants", test_variants);
  return g_test_run ();
}
