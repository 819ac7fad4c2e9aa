/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of prompts: what is found again, and what must not be. */
#include "pipeline/embedding-cache.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WIDTH 8
#define N_IDS 5
/* A file on the disk: states and checksum. */
#define FILE_SIZE (N_IDS * WIDTH * 4 + 32)

static const OsEmbeddingLimits roomy = { 1 << 20, 1 << 20, 0, 0 };
/* Every look is one at the disk. */
static const OsEmbeddingLimits disk_only = { 0, 1 << 20, 0, 0 };

typedef struct {
  char *folder; /* of the encoder */
  char *files[3];
  OsCompute *compute;
  const char *states; /* the folder of the cache */
} Fixture;

static char *states_folder;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->folder = g_dir_make_tmp ("opensora-encoder-XXXXXX", NULL);
  fixture->files[0] = g_build_filename (fixture->folder, "weights", NULL);
  fixture->files[1] = g_build_filename (fixture->folder, "config", NULL);
  for (int i = 0; i < 2; i++)
    g_assert_true (
        g_file_set_contents (fixture->files[i], "some bytes", -1, NULL));
  fixture->compute = os_compute_new ("ref", 1, &error);
  g_assert_no_error (error);
  fixture->states = states_folder;
}

/* The paths of what is in a folder. */
static GPtrArray *
list (const char *folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_build_filename (folder, name, NULL));
  return names;
}

static void
clear_folder (const char *folder)
{
  g_autoptr (GPtrArray) names = list (folder);

  for (guint i = 0; i < names->len; i++)
    g_remove (names->pdata[i]);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  os_compute_free (fixture->compute);
  clear_folder (states_folder);
  clear_folder (fixture->folder);
  g_rmdir (fixture->folder);
  g_free (fixture->files[0]);
  g_free (fixture->files[1]);
  g_free (fixture->folder);
}

static OsEmbeddingCache *
open_cache (Fixture *fixture, const OsEmbeddingLimits *limits)
{
  return os_embedding_cache_new (
      (const char *const *) fixture->files, WIDTH, limits);
}

static void
make_ids (gint32 ids[N_IDS], gint32 prompt)
{
  for (int i = 0; i < N_IDS; i++)
    ids[i] = prompt * 100 + i;
}

/* What an encoder would make of a prompt. */
static void
make_values (float values[N_IDS * WIDTH], gint32 prompt)
{
  for (int i = 0; i < N_IDS * WIDTH; i++)
    values[i] = (prompt + 1) / (i + 3.0f);
}

static void
store (OsEmbeddingCache *cache, OsCompute *compute, gint32 prompt)
{
  gint32 ids[N_IDS];
  float values[N_IDS * WIDTH];
  g_autoptr (OsTensor) states = NULL;

  make_ids (ids, prompt);
  make_values (values, prompt);
  states = os_compute_upload (compute, values, OS_SHAPE (N_IDS, WIDTH));
  os_embedding_cache_store (cache, compute, ids, N_IDS, states);
}

/* FALSE: not there; what is found is right. */
static gboolean
finds (OsEmbeddingCache *cache, OsCompute *compute, gint32 prompt)
{
  gint32 ids[N_IDS];
  float values[N_IDS * WIDTH];
  float found[N_IDS * WIDTH];
  g_autoptr (OsTensor) states = NULL;

  make_ids (ids, prompt);
  make_values (values, prompt);
  states = os_embedding_cache_lookup (cache, compute, ids, N_IDS);
  if (states == NULL)
    return FALSE;
  g_assert_true (os_tensor_has_shape (states, OS_SHAPE (N_IDS, WIDTH)));
  os_compute_download (compute, states, found);
  g_assert_cmpmem (found, sizeof found, values, sizeof values);
  return TRUE;
}

static void
assert_n_files (Fixture *fixture, guint n)
{
  g_autoptr (GPtrArray) names = list (fixture->states);

  g_assert_cmpuint (names->len, ==, n);
}

static void
test_memory (Fixture *fixture, gconstpointer data)
{
  const OsEmbeddingLimits limits = { 2 * N_IDS * WIDTH * 4, 0, 0, 0 };
  g_autoptr (OsEmbeddingCache) cache = open_cache (fixture, &limits);
  gint32 ids[N_IDS];

  g_assert_false (finds (cache, fixture->compute, 1));
  store (cache, fixture->compute, 1);
  store (cache, fixture->compute, 2);
  g_assert_true (finds (cache, fixture->compute, 1));
  make_ids (ids, 1);
  g_assert_null (
      os_embedding_cache_lookup (cache, fixture->compute, ids, N_IDS - 1));
  /* 2 was used longest ago. */
  store (cache, fixture->compute, 3);
  g_assert_false (finds (cache, fixture->compute, 2));
  g_assert_true (finds (cache, fixture->compute, 1));
  g_assert_true (finds (cache, fixture->compute, 3));
  assert_n_files (fixture, 0);
}

static void
test_disk (Fixture *fixture, gconstpointer data)
{
  g_autoptr (OsEmbeddingCache) first = open_cache (fixture, &disk_only);
  g_autoptr (OsEmbeddingCache) second = open_cache (fixture, &roomy);
  struct stat s;

  store (first, fixture->compute, 1);
  assert_n_files (fixture, 1);
  g_assert_true (finds (first, fixture->compute, 1));
  g_assert_false (finds (first, fixture->compute, 2));
  g_assert_true (finds (second, fixture->compute, 1));
  g_assert_cmpint (stat (fixture->states, &s), ==, 0);
  g_assert_cmpuint (s.st_mode & 0777, ==, 0700);
  /* Now it is in memory. */
  clear_folder (fixture->states);
  g_assert_true (finds (second, fixture->compute, 1));
  g_assert_false (finds (first, fixture->compute, 1));
}

static void
test_other_arithmetic (Fixture *fixture, gconstpointer data)
{
  g_autoptr (OsCompute) other = os_compute_new ("openblas", 1, NULL);
  g_autoptr (OsEmbeddingCache) cache = open_cache (fixture, &disk_only);

  if (other == NULL) {
    g_test_skip ("no OpenBLAS");
    return;
  }
  store (cache, fixture->compute, 1);
  g_assert_false (finds (cache, other, 1));
  g_assert_true (finds (cache, fixture->compute, 1));
}

/* In place, with as many bytes and the old time of modification. */
static void
change_quietly (const char *path)
{
  struct stat s;
  int fd = g_open (path, O_WRONLY, 0);

  g_assert_cmpint (fstat (fd, &s), ==, 0);
  g_assert_cmpint (write (fd, "S", 1), ==, 1);
  futimens (fd, (struct timespec[]){ s.st_atim, s.st_mtim });
  close (fd);
}

static void
test_changed_encoder (Fixture *fixture, gconstpointer data)
{
  for (int i = 0; i < 2; i++) {
    g_autoptr (OsEmbeddingCache) old = open_cache (fixture, &roomy);
    g_autoptr (OsEmbeddingCache) changed = NULL;

    store (old, fixture->compute, 1);
    g_assert_true (finds (old, fixture->compute, 1));
    g_usleep (20000); /* the times of files are no finer than that */
    change_quietly (fixture->files[i]);
    g_assert_false (finds (old, fixture->compute, 1));
    store (old, fixture->compute, 2);
    changed = open_cache (fixture, &roomy);
    g_assert_false (finds (changed, fixture->compute, 1));
    g_assert_false (finds (changed, fixture->compute, 2));
  }
  g_remove (fixture->files[1]);
  {
    g_autoptr (OsEmbeddingCache) gone = open_cache (fixture, &roomy);

    store (gone, fixture->compute, 1);
    g_assert_false (finds (gone, fixture->compute, 1));
  }
}

/* Small encoders, and those that were changed just now, leave nothing. */
static void
test_nothing_kept (Fixture *fixture, gconstpointer data)
{
  const OsEmbeddingLimits limits[] = { { 1 << 20, 1 << 20, 1000, 0 },
    { 1 << 20, 1 << 20, 0, G_TIME_SPAN_HOUR },
    { 1 << 20, FILE_SIZE - 33, 0, 0 } };

  for (guint i = 0; i < G_N_ELEMENTS (limits); i++) {
    g_autoptr (OsEmbeddingCache) cache = open_cache (fixture, &limits[i]);

    store (cache, fixture->compute, 1);
    assert_n_files (fixture, 0);
    g_assert_true (finds (cache, fixture->compute, 1));
  }
}

/* What the product does with a large and with a small encoder. */
static void
test_default_limits (Fixture *fixture, gconstpointer data)
{
  static const goffset sizes[] = { 200 << 20, 300 << 20 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (OsEmbeddingCache) fresh = NULL;
    g_autoptr (OsEmbeddingCache) settled = NULL;

    g_assert_cmpint (truncate (fixture->files[0], sizes[i]), ==, 0);
    fresh = open_cache (fixture, NULL);
    store (fresh, fixture->compute, 1);
    assert_n_files (fixture, 0);
    g_usleep (2100000);
    settled = open_cache (fixture, NULL);
    store (settled, fixture->compute, 1);
    assert_n_files (fixture, i);
  }
}

static void
test_damaged_files (Fixture *fixture, gconstpointer data)
{
  g_autoptr (OsEmbeddingCache) cache = open_cache (fixture, &disk_only);

  for (int damage = 0; damage < 5; damage++) {
    g_autoptr (GPtrArray) names = NULL;
    g_autofree char *bytes = NULL;
    gsize size;

    store (cache, fixture->compute, 1);
    names = list (fixture->states);
    g_assert_true (g_file_get_contents (names->pdata[0], &bytes, &size, NULL));
    g_assert_cmpuint (size, ==, FILE_SIZE);
    bytes = g_realloc (bytes, size + 1);
    bytes[size] = 0;
    bytes[0] ^= damage == 0;
    bytes[size - 1] ^= damage == 1;
    size = damage == 2   ? 0
           : damage == 3 ? size - 4
           : damage == 4 ? size + 1
                         : size;
    g_assert_true (g_file_set_contents (names->pdata[0], bytes, size, NULL));
    g_assert_false (finds (cache, fixture->compute, 1));
    assert_n_files (fixture, 0);
  }
}

/* A whole file, under the name of another prompt. */
static void
test_exchanged_files (Fixture *fixture, gconstpointer data)
{
  g_autoptr (OsEmbeddingCache) cache = open_cache (fixture, &disk_only);
  g_autoptr (GPtrArray) first = NULL;
  g_autoptr (GPtrArray) both = NULL;
  const char *other;

  store (cache, fixture->compute, 1);
  first = list (fixture->states);
  store (cache, fixture->compute, 2);
  both = list (fixture->states);
  other = both->pdata[strcmp (both->pdata[0], first->pdata[0]) == 0 ? 1 : 0];
  g_assert_cmpint (g_rename (first->pdata[0], other), ==, 0);
  g_assert_false (finds (cache, fixture->compute, 2));
  assert_n_files (fixture, 0);
}

/* Seconds since the file was used. */
static void
set_age (const char *path, time_t age)
{
  const struct timespec used = { time (NULL) - age, 0 };

  utimensat (AT_FDCWD, path, (const struct timespec[]){ used, used }, 0);
}

static void
test_eviction (Fixture *fixture, gconstpointer data)
{
  const OsEmbeddingLimits limits = { 0, 3 * FILE_SIZE, 0, 0 };
  g_autoptr (OsEmbeddingCache) cache = open_cache (fixture, &limits);

  for (gint32 prompt = 1; prompt <= 3; prompt++) {
    g_autoptr (GPtrArray) names = NULL;

    store (cache, fixture->compute, prompt);
    names = list (fixture->states);
    g_assert_cmpuint (names->len, ==, prompt);
    for (guint i = 0; i < names->len; i++) {
      struct stat s;

      g_assert_cmpint (stat (names->pdata[i], &s), ==, 0);
      if (s.st_mtime > time (NULL) - 50)
        set_age (names->pdata[i], 1000 - prompt * 100);
    }
  }
  g_assert_true (finds (cache, fixture->compute, 1)); /* and is young now */
  store (cache, fixture->compute, 4);
  assert_n_files (fixture, 3);
  g_assert_false (finds (cache, fixture->compute, 2));
  for (gint32 prompt = 1; prompt <= 4; prompt++)
    g_assert_true (finds (cache, fixture->compute, prompt) == (prompt != 2));
}

/* What somebody writes stays, what a crash has left goes. */
static void
test_temporary_files (Fixture *fixture, gconstpointer data)
{
  const OsEmbeddingLimits limits = { 0, FILE_SIZE, 0, 0 };
  g_autoptr (OsEmbeddingCache) cache = open_cache (fixture, &limits);
  g_autofree char *young = g_build_filename (fixture->states, "a.123456", NULL);
  g_autofree char *old = g_build_filename (fixture->states, "b.123456", NULL);

  store (cache, fixture->compute, 1);
  g_assert_true (g_file_set_contents (young, "x", -1, NULL));
  g_assert_true (g_file_set_contents (old, "x", -1, NULL));
  set_age (old, 7200);
  store (cache, fixture->compute, 2);
  g_assert_true (g_file_test (young, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (old, G_FILE_TEST_EXISTS));
  g_assert_true (finds (cache, fixture->compute, 2));
  assert_n_files (fixture, 2);
}

/* No folder can be made where a file is. */
static void
test_unwritable (Fixture *fixture, gconstpointer data)
{
  g_autofree char *parent = g_path_get_dirname (fixture->states);
  g_autoptr (OsEmbeddingCache) cache = open_cache (fixture, &roomy);
  g_autoptr (OsEmbeddingCache) other = open_cache (fixture, &roomy);

  g_rmdir (fixture->states);
  g_rmdir (parent);
  g_assert_true (g_file_set_contents (parent, "", -1, NULL));
  store (cache, fixture->compute, 1);
  g_assert_true (finds (cache, fixture->compute, 1));
  g_assert_false (finds (other, fixture->compute, 1));
  g_remove (parent);
}

static void
test_failed_computation (Fixture *fixture, gconstpointer data)
{
  g_autoptr (OsEmbeddingCache) cache = open_cache (fixture, &roomy);
  g_autoptr (OsTensor) hollow =
      os_tensor_new_hollow (OS_DTYPE_F32, OS_SHAPE (N_IDS, WIDTH));
  gint32 ids[N_IDS];

  make_ids (ids, 1);
  os_compute_fail (
      fixture->compute, g_error_new (OPENSORA_ERROR, 0, "on purpose"));
  os_embedding_cache_store (cache, fixture->compute, ids, N_IDS, hollow);
  g_assert_null (
      os_embedding_cache_lookup (cache, fixture->compute, ids, N_IDS));
  os_compute_check (fixture->compute, NULL);
  g_assert_false (finds (cache, fixture->compute, 1));
}

/* Stores, looks and evicts among others that do the same. */
static gpointer
use_cache (gpointer data)
{
  const OsEmbeddingLimits limits = { 0, 3 * FILE_SIZE, 0, 0 };
  Fixture *fixture = data;
  g_autoptr (OsEmbeddingCache) cache = open_cache (fixture, &limits);
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  guint n_found = 0;

  for (int i = 0; i < 50; i++) {
    store (cache, compute, i % 5);
    n_found += finds (cache, compute, i % 5);
    n_found += finds (cache, compute, (i + 1) % 5);
  }
  return GUINT_TO_POINTER (n_found);
}

static void
test_together (Fixture *fixture, gconstpointer data)
{
  GThread *threads[4];
  guint n_found = 0;

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("user", use_cache, fixture);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    n_found += GPOINTER_TO_UINT (g_thread_join (threads[i]));
  g_assert_cmpuint (n_found, >, 0);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (Fixture *fixture, gconstpointer data);
  } tests[] = { { "memory", test_memory }, { "disk", test_disk },
    { "other-arithmetic", test_other_arithmetic },
    { "changed-encoder", test_changed_encoder },
    { "nothing-kept", test_nothing_kept },
    { "default-limits", test_default_limits },
    { "damaged-files", test_damaged_files },
    { "exchanged-files", test_exchanged_files }, { "eviction", test_eviction },
    { "temporary-files", test_temporary_files },
    { "unwritable", test_unwritable },
    { "failed-computation", test_failed_computation },
    { "together", test_together } };
  g_autofree char *home = g_dir_make_tmp ("opensora-cache-XXXXXX", NULL);
  int result;

  g_setenv ("XDG_CACHE_HOME", home, TRUE);
  states_folder = g_build_filename (home, "opensora", "text-states", NULL);
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++) {
    g_autofree char *path =
        g_strconcat ("/pipeline/embedding-cache/", tests[i].path, NULL);

    g_test_add (path, Fixture, NULL, set_up, tests[i].test, tear_down);
  }
  result = g_test_run ();
  g_rmdir (states_folder);
  *strrchr (states_folder, '/') = '\0';
  g_rmdir (states_folder);
  g_rmdir (home);
  g_free (states_folder);
  return result;
}
