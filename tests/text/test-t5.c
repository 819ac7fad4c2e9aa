/* SPDX-License-Identifier: Apache-2.0 */
/* The T5 encoder, small and with random weights. */
#include "text/t5.h"

#include <opensora/opensora.h>
#include <string.h>

#include "optest.h"

#define SMALL                                                                  \
  "\"vocab_size\": 50, \"d_model\": 16, \"d_kv\": 4, \"num_heads\": 3, "       \
  "\"d_ff\": 20, \"num_layers\": 2"

static OsT5 *
new_t5 (OsMemPool *pool, const char *json, GError **error)
{
  g_autoptr (OsConfig) config = os_config_parse (json, -1, "t5.json", NULL);
  g_autoptr (OsBinder) binder = os_binder_new_random (pool, 5);

  g_assert_nonnull (config);
  return os_t5_new (config, binder, error);
}

/* A distance n from 8 on is in bucket 8 + floor (2 log2 (n / 8)), 15 at most:
 * as integers, 2^k <= n^2 / 64. */
static int
bucket_by_definition (gint64 r)
{
  const gint64 n = ABS (r);
  int bucket = n;

  if (n >= 8) {
    for (bucket = 8; bucket < 15 && n * n >= (gint64) 128 << (bucket - 8);)
      bucket++;
  }
  return bucket + (r > 0 ? 16 : 0);
}

static void
test_buckets (void)
{
  static const int few[][2] = { { 0, 0 }, { -1, 1 }, { 1, 17 }, { -7, 7 },
    { 7, 23 }, { -8, 8 }, { -11, 8 }, { -12, 9 }, { 15, 25 }, { 16, 26 },
    { -91, 15 }, { -90, 14 }, { 127, 31 }, { 128, 31 }, { -5000, 15 } };

  for (guint i = 0; i < G_N_ELEMENTS (few); i++)
    g_assert_cmpint (os_t5_position_bucket (few[i][0]), ==, few[i][1]);
  for (gint64 r = -1000; r <= 1000; r++)
    g_assert_cmpint (os_t5_position_bucket (r), ==, bucket_by_definition (r));
}

static void
test_mask (OsCompute *compute)
{
  enum {
    L = 9,
    REAL = 6
  };
  const gint32 ids[2 * L] = { 5, 9, 49, 0, 3, 1, 0, 0, 0, /* row 1: all real */
    7, 7, 2, 30, 31, 32, 33, 34, 1 };
  const guint8 mask[2 * L] = { 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1,
    1, 1 };
  g_autoptr (OsT5) t5 =
      new_t5 (os_compute_get_pool (compute), "{" SMALL "}", NULL);
  g_autoptr (OsTensor) both = os_t5_encode (t5, compute, ids, mask, 2, L);
  g_autoptr (OsTensor) first = os_t5_encode (t5, compute, ids, NULL, 1, REAL);
  g_autoptr (OsTensor) second = os_t5_encode (t5, compute, ids + L, NULL, 1, L);
  g_autoptr (OsTensor) unmasked = os_t5_encode (t5, compute, ids, NULL, 1, L);
  double change = 0;

  g_assert_true (os_tensor_has_shape (both, OS_SHAPE (2, L, 16)));
  for (int i = 0; i < REAL * 16; i++) {
    const float value = os_tensor_f32 (first)[i];

    optest_assert_near (os_tensor_f32 (both)[i], value, 1e-5, i);
    change += ABS (os_tensor_f32 (unmasked)[i] - value);
  }
  for (int i = 0; i < L * 16; i++)
    optest_assert_near (
        os_tensor_f32 (both)[L * 16 + i], os_tensor_f32 (second)[i], 1e-5, i);
  g_assert_cmpfloat (change, >, 1e-3);
}

/* The order of words counts: position biases are there. */
static void
test_positions (OsCompute *compute)
{
  g_autoptr (OsT5) t5 =
      new_t5 (os_compute_get_pool (compute), "{" SMALL "}", NULL);
  const gint32 ids[] = { 5, 6, 7, 1 }, turned[] = { 7, 6, 5, 1 };
  g_autoptr (OsTensor) a = os_t5_encode (t5, compute, ids, NULL, 1, 4);
  g_autoptr (OsTensor) b = os_t5_encode (t5, compute, turned, NULL, 1, 4);
  double change = 0;

  for (int i = 0; i < 16; i++)
    change += ABS (AT (a, 0, 3, i) - AT (b, 0, 3, i));
  g_assert_cmpfloat (change, >, 1e-4);
}

static void
test_config_errors (void)
{
  static const struct {
    const char *json, *key;
  } cases[] = {
    { "{\"feed_forward_proj\": \"relu\"}", "feed_forward_proj" },
    { "{\"d_model\": -16}", "d_model" },
    { "{\"num_layers\": 0}", "num_layers" },
    { "{\"d_kv\": \"64\"}", "d_kv" },
    { "{\"vocab_size\": 1e30}", "vocab_size" },
    { "{\"layer_norm_epsilon\": -1}", "layer_norm_epsilon" },
    { "{\"relative_attention_num_buckets\": 64}",
        "relative_attention_num_buckets" },
    { "{\"relative_attention_max_distance\": 20}",
        "relative_attention_max_distance" },
  };
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (new_t5 (pool, cases[i].json, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, "t5.json"));
    g_assert_nonnull (strstr (error->message, cases[i].key));
  }
}

static void
add (OsCheckpoint *checkpoint, const char *name, gint64 rows, gint64 columns)
{
  const gint64 shape[] = { rows, columns };
  float *values = g_new0 (float, rows *MAX (columns, 1));
  OsTensor *tensor = os_tensor_new_wrapped (
      OS_DTYPE_F32, columns ? 2 : 1, shape, values, values, g_free);

  g_assert_true (os_checkpoint_add (checkpoint, name, tensor, NULL));
}

#define ONE_LAYER                                                              \
  "{\"vocab_size\": 5, \"d_model\": 4, \"d_kv\": 2, \"num_heads\": 3, "        \
  "\"d_ff\": 7, \"num_layers\": 1}"

/* All tensors of ONE_LAYER but the embedding. */
static OsCheckpoint *
new_checkpoint (void)
{
  OsCheckpoint *c = os_checkpoint_new ("t5.safetensors", "test");
  const char *block = "encoder.block.0.layer.0.SelfAttention.";
  const char *names[] = { "q.weight", "k.weight", "v.weight" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *name = g_strconcat (block, names[i], NULL);
    add (c, name, 6, 4);
  }
  add (c, "encoder.block.0.layer.0.SelfAttention.o.weight", 4, 6);
  add (c,
      "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
      32, 3);
  add (c, "encoder.block.0.layer.0.layer_norm.weight", 4, 0);
  add (c, "encoder.block.0.layer.1.layer_norm.weight", 4, 0);
  add (c, "encoder.block.0.layer.1.DenseReluDense.wi_0.weight", 7, 4);
  add (c, "encoder.block.0.layer.1.DenseReluDense.wi_1.weight", 7, 4);
  add (c, "encoder.block.0.layer.1.DenseReluDense.wo.weight", 4, 7);
  add (c, "encoder.final_layer_norm.weight", 4, 0);
  return c;
}

static OsT5 *
bind (OsCheckpoint *checkpoint, GError **error)
{
  g_autoptr (OsConfig) config = os_config_parse (ONE_LAYER, -1, "t5", NULL);
  g_autoptr (OsBinder) binder = os_binder_new (checkpoint);

  return os_t5_new (config, binder, error);
}

/* Files name the embedding in one way or the other, or in both. */
static void
test_embedding_names (void)
{
  static const char *const names[][2] = { { "shared.weight", NULL },
    { "encoder.embed_tokens.weight", NULL },
    { "shared.weight", "encoder.embed_tokens.weight" } };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (OsCheckpoint) checkpoint = new_checkpoint ();
    g_autoptr (OsT5) t5 = NULL;
    g_autoptr (GError) error = NULL;

    for (int j = 0; j < 2 && names[i][j]; j++)
      add (checkpoint, names[i][j], 5, 4);
    t5 = bind (checkpoint, &error);
    g_assert_no_error (error);
    g_assert_cmpint (os_t5_get_d_model (t5), ==, 4);
    g_assert_cmpint (os_t5_get_vocab_size (t5), ==, 5);
  }
}

static void
test_missing (void)
{
  g_autoptr (OsCheckpoint) checkpoint = new_checkpoint ();
  g_autoptr (GError) error = NULL;

  g_assert_null (bind (checkpoint, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH);
  g_assert_nonnull (strstr (error->message, "t5.safetensors"));
  g_assert_nonnull (strstr (error->message, "embed_tokens.weight"));
  g_clear_error (&error);

  add (checkpoint, "shared.weight", 6, 4);
  g_assert_null (bind (checkpoint, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH);
  g_assert_nonnull (strstr (error->message, "[6, 4] F32, [5, 4] expected"));
}

static void
count_progress (
    OpensoraStage stage, guint64 done, guint64 total, gpointer user_data)
{
  guint *calls = user_data;

  g_assert_cmpint (stage, ==, OPENSORA_STAGE_ENCODE);
  g_assert_cmpuint (done, ==, (*calls)++);
  g_assert_cmpuint (total, ==, 2);
}

static void
test_progress_and_cancel (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  guint calls = 0;
  g_autoptr (OsTask) task = os_task_new (cancellable, count_progress, &calls);
  g_autoptr (OsT5) t5 =
      new_t5 (os_compute_get_pool (compute), "{" SMALL "}", NULL);
  const gint32 ids[] = { 5, 1 };
  g_autoptr (OsTensor) done = NULL;
  g_autoptr (OsTensor) cancelled = NULL;
  g_autoptr (GError) error = NULL;

  os_compute_set_task (compute, task);
  done = os_t5_encode (t5, compute, ids, NULL, 1, 2);
  g_assert_cmpuint (calls, ==, 3);
  calls = 0;
  g_cancellable_cancel (cancellable);
  cancelled = os_t5_encode (t5, compute, ids, NULL, 1, 2);
  g_assert_cmpuint (calls, ==, 1);
  g_assert_true (os_tensor_has_shape (cancelled, OS_SHAPE (1, 2, 16)));
  g_assert_false (os_compute_check (compute, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  os_compute_set_task (compute, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/t5/buckets", test_buckets);
  optest_add ("/text/t5/mask", test_mask);
  optest_add ("/text/t5/positions", test_positions);
  g_test_add_func ("/text/t5/config-errors", test_config_errors);
  g_test_add_func ("/text/t5/embedding-names", test_embedding_names);
  g_test_add_func ("/text/t5/missing", test_missing);
  g_test_add_func ("/text/t5/progress-and-cancel", test_progress_and_cancel);
  return g_test_run ();
}
