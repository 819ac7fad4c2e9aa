/* SPDX-License-Identifier: Apache-2.0 */
/* Texts become states, once. */
#include "pipeline/encode.h"

#include <glib/gstdio.h>
#include <string.h>

#include "bundletest.h"

#define TEXT "a red circle moving right on a blue background"

static OsBundle *
open_bundle (void)
{
  g_autofree char *folder = bundletest_demo ();
  g_autoptr (GError) error = NULL;
  OsBundle *bundle = os_bundle_open (&(OsParts){ folder }, NULL, &error);

  g_assert_no_error (error);
  return bundle;
}

/* Operations that it takes. */
static guint64
encode (
    OsBundle *bundle, OsCompute *compute, const char *text, OsTensor **states)
{
  const guint64 before = os_compute_get_flops (compute);
  g_autoptr (GError) error = NULL;

  *states = os_encode_text (bundle, compute, text);
  os_compute_check (compute, &error);
  g_assert_no_error (error);
  return os_compute_get_flops (compute) - before;
}

static void
assert_equal (OsCompute *compute, const OsTensor *a, const OsTensor *b)
{
  const gint64 n = os_tensor_count (a);
  g_autofree float *x = g_new (float, n);
  g_autofree float *y = g_new (float, n);

  g_assert_true (os_tensor_has_shape (b, a->n_dims, a->shape));
  os_compute_download (compute, a, x);
  os_compute_download (compute, b, y);
  g_assert_cmpmem (x, n * sizeof *x, y, n * sizeof *y);
}

static void
test_once (void)
{
  g_autoptr (OsBundle) bundle = open_bundle ();
  g_autoptr (OsCompute) compute = os_compute_new (NULL, 1, NULL);
  g_autoptr (OsTensor) first = NULL;
  g_autoptr (OsTensor) again = NULL;
  g_autoptr (OsTensor) other = NULL;

  g_assert_cmpuint (encode (bundle, compute, TEXT, &first), >, 0);
  g_assert_cmpint (first->n_dims, ==, 2);
  g_assert_cmpint (
      first->shape[1], ==, os_t5_get_d_model (bundle->text_encoder));
  g_assert_cmpuint (encode (bundle, compute, TEXT, &again), ==, 0);
  assert_equal (compute, first, again);
  g_assert_cmpuint (encode (bundle, compute, "a star", &other), >, 0);
  g_assert_cmpint (other->shape[0], !=, first->shape[0]);
}

/* As an encoder of the size of T5-XXL is treated. */
static void
keep_on_disk (OsBundle *bundle)
{
  const OsEmbeddingLimits limits = { 0, 1 << 20, 0, 0 };
  g_autofree char *folder = bundletest_demo ();
  g_autofree char *weights =
      g_build_filename (folder, "text_encoder", "model.safetensors", NULL);
  const char *const files[] = { weights, NULL };

  os_embedding_cache_free (bundle->text_states);
  bundle->text_states = os_embedding_cache_new (
      files, os_t5_get_d_model (bundle->text_encoder), &limits);
}

/* Another program, after the first. */
static void
test_disk (void)
{
  g_autoptr (OsCompute) compute = os_compute_new (NULL, 1, NULL);
  g_autoptr (OsTensor) first = NULL;
  g_autoptr (OsTensor) second = NULL;

  for (int run = 0; run < 2; run++) {
    g_autoptr (OsBundle) bundle = open_bundle ();

    keep_on_disk (bundle);
    if (run == 0)
      g_assert_cmpuint (encode (bundle, compute, TEXT, &first), >, 0);
    else
      g_assert_cmpuint (encode (bundle, compute, TEXT, &second), ==, 0);
  }
  assert_equal (compute, first, second);
}

/* A computation that failed is not remembered. */
static void
test_cancelled (void)
{
  g_autoptr (OsBundle) bundle = open_bundle ();
  g_autoptr (OsCompute) compute = os_compute_new (NULL, 1, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (OsTask) task = os_task_new (cancellable, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (OsTensor) hollow = NULL;
  g_autoptr (OsTensor) states = NULL;

  g_cancellable_cancel (cancellable);
  os_compute_set_task (compute, task);
  hollow = os_encode_text (bundle, compute, TEXT);
  g_assert_false (os_compute_check (compute, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  os_compute_set_task (compute, NULL);
  g_assert_cmpuint (encode (bundle, compute, TEXT, &states), >, 0);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *inner = g_build_filename (path, name, NULL);

    remove_all (inner);
  }
  g_remove (path);
}

int
main (int argc, char **argv)
{
  g_autofree char *home = g_dir_make_tmp ("opensora-cache-XXXXXX", NULL);
  int result;

  g_setenv ("XDG_CACHE_HOME", home, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/encode/once", test_once);
  g_test_add_func ("/pipeline/encode/disk", test_disk);
  g_test_add_func ("/pipeline/encode/cancelled", test_cancelled);
  result = g_test_run ();
  remove_all (home);
  return result;
}
