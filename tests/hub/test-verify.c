/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing again what is on the disk: in the cache, and in a folder that "hf
 * download --local-dir" made. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "hubtest.h"

#define WEIGHTS "model.safetensors"
#define WEIGHTS_SIZE 1200000

static void
damage (const char *path)
{
  FILE *file = g_fopen (path, "r+b");

  g_assert_cmpint (pwrite (fileno (file), "damaged", 7, 1000), ==, 7);
  fclose (file);
}

static void
on_progress (
    OpensoraStage stage, guint64 done, guint64 total, gpointer user_data)
{
  guint64 *last = user_data;

  g_assert_cmpuint (done, >=, *last);
  *last = done;
}

static void
test_cache (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = hub_test_download (test, WEIGHTS, &error);
  guint64 last = 0;

  g_assert_true (opensora_hub_verify (
      test->hub, "org/m", NULL, WEIGHTS, NULL, on_progress, &last, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (last, ==, WEIGHTS_SIZE);
  damage (path);
  g_assert_false (opensora_hub_verify (
      test->hub, "org/m", NULL, WEIGHTS, NULL, NULL, NULL, &error));
  g_assert_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INTEGRITY);
  g_assert_nonnull (strstr (error->message, path));
}

static void
test_cancel (HubTest *test, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_free (hub_test_download (test, WEIGHTS, &error));
  g_cancellable_cancel (cancellable);
  g_assert_false (opensora_hub_verify (
      test->hub, "org/m", NULL, WEIGHTS, cancellable, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* A folder of --local-dir with one file; the caller frees the file's path. */
static char *
make_local (HubTest *test, const char *record)
{
  g_autofree char *folder = g_build_filename (
      test->folder, ".cache", "huggingface", "download", "vae", NULL);
  g_autofree char *note = g_build_filename (folder, "hello.txt.metadata", NULL);
  g_autofree char *vae = g_build_filename (test->folder, "vae", NULL);
  char *path = g_build_filename (vae, "hello.txt", NULL);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (vae, 0755), ==, 0);
  g_assert_true (g_file_set_contents (note, record, -1, NULL));
  g_assert_true (g_file_set_contents (path, "Hello, World!", -1, NULL));
  return path;
}

#define COMMIT "0123456789abcdef0123456789abcdef01234567\n"
#define SHA1 "b45ef6fec89518d314f546fd6c3025367b721684\n"
#define SHA256                                                                 \
  "dffd6021bb2bd5b0af676290809ec3a53191dd81c7f70a4b28688a362182986f\n"
#define TIME "1700000000.5\n"

typedef struct {
  const char *name;
  const char *record;
  int code; /* -1: the file is right */
} Record;

static const Record records[] = {
  { "git", COMMIT SHA1 TIME, -1 },
  { "lfs", COMMIT SHA256 TIME, -1 },
  { "other", COMMIT "f45ef6fec89518d314f546fd6c3025367b721684\n" TIME,
      OPENSORA_HUB_ERROR_INTEGRITY },
  { "no-hash", COMMIT "v7\n" TIME, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND },
  { "no-commit", "main\n" SHA1 TIME, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND },
  { "short", COMMIT, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND },
  { "empty", "", OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND },
};

static void
test_record (HubTest *test, gconstpointer data)
{
  const Record *record = data;
  g_autofree char *path = make_local (test, record->record);
  g_autoptr (GError) error = NULL;
  gboolean good = opensora_hub_verify_local (
      test->folder, "vae/hello.txt", NULL, NULL, NULL, &error);

  g_assert_cmpint (good, ==, record->code < 0);
  if (good)
    g_assert_no_error (error);
  else
    g_assert_error (error, OPENSORA_HUB_ERROR, record->code);
}

static void
test_local (HubTest *test, gconstpointer data)
{
  g_autofree char *path = make_local (test, COMMIT SHA1 TIME);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_false (opensora_hub_verify_local (
      test->folder, "vae/hello.txt", NULL, NULL, NULL, &error));
  g_assert_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_IO);
  g_clear_error (&error);
  g_assert_false (opensora_hub_verify_local (
      test->folder, "vae/other.txt", NULL, NULL, NULL, &error));
  g_assert_error (
      error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (opensora_hub_verify_local (
      test->folder, "../hello.txt", NULL, NULL, NULL, &error));
  g_assert_error (
      error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INVALID_ARGUMENT);
}

#define ADD(name, data, func)                                                  \
  g_test_add ("/hub/verify/" name, HubTest, data, hub_test_set_up, func,       \
      hub_test_tear_down)

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  if (!hub_test_start (NULL))
    return hub_test_skip ();
  ADD ("cache", NULL, test_cache);
  ADD ("cancel", NULL, test_cancel);
  for (guint i = 0; i < G_N_ELEMENTS (records); i++) {
    g_autofree char *path =
        g_strconcat ("/hub/verify/record/", records[i].name, NULL);

    g_test_add (path, HubTest, &records[i], hub_test_set_up, test_record,
        hub_test_tear_down);
  }
  ADD ("local", NULL, test_local);
  status = g_test_run ();
  hub_test_stop ();
  return status;
}
