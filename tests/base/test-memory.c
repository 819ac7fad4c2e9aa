/* SPDX-License-Identifier: Apache-2.0 */
/* The pool: alignment, counting, kept blocks, limits and sizes that no memory
 * can have. */
#include <opensora/opensora.h>
#include <string.h>

#include "base/memory.h"

#define MIB (1024 * 1024)

static void
test_alignment (void)
{
  static const gsize sizes[] = { 0, 1, 63, 64, 65, 4097, 65535, 65536, 65537,
    3 * MIB + 1 };
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  gpointer blocks[G_N_ELEMENTS (sizes)];

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    blocks[i] = os_mem_pool_alloc (pool, sizes[i], NULL);
    g_assert_nonnull (blocks[i]);
    g_assert_cmpuint (GPOINTER_TO_SIZE (blocks[i]) % OS_MEM_ALIGN, ==, 0);
    memset (blocks[i], 0x55, sizes[i]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    os_mem_pool_free (pool, blocks[i], sizes[i]);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, 0);
}

static void
test_accounting (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  gpointer small, large;
  guint64 both;

  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, 0);
  g_assert_cmpuint (os_mem_pool_get_peak (pool), ==, 0);
  small = os_mem_pool_alloc (pool, 100, NULL);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, 128);
  large = os_mem_pool_alloc (pool, MIB, NULL);
  both = os_mem_pool_get_in_use (pool);
  g_assert_cmpuint (both, ==, MIB + 128);
  os_mem_pool_free (pool, large, MIB);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, 128);
  os_mem_pool_free (pool, small, 100);
  os_mem_pool_free (pool, NULL, 100);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, 0);
  g_assert_cmpuint (os_mem_pool_get_peak (pool), ==, both);
}

/* A freed block comes back, with what was written into it, for any size that
 * rounds up to the same. */
static void
test_reuse (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  guint8 *first = os_mem_pool_alloc (pool, 4 * MIB, NULL);
  guint8 *other = os_mem_pool_alloc (pool, 5 * MIB, NULL);
  guint8 *again;

  memset (first, 0xa5, 4 * MIB);
  memset (other, 0x5a, 5 * MIB);
  os_mem_pool_free (pool, other, 5 * MIB);
  os_mem_pool_free (pool, first, 4 * MIB);
  again = os_mem_pool_alloc (pool, 5 * MIB, NULL);
  g_assert_true (again == other);
  g_assert_cmphex (again[5 * MIB - 1], ==, 0x5a);
  os_mem_pool_free (pool, again, 5 * MIB);
  again = os_mem_pool_alloc (pool, 4 * MIB - 1, NULL);
  g_assert_true (again == first);
  g_assert_cmphex (again[MIB], ==, 0xa5);
  os_mem_pool_free (pool, again, 4 * MIB - 1);
}

/* Pages that the process holds, in bytes. */
static gsize
resident (void)
{
  g_autofree char *statm = NULL;
  g_auto (GStrv) fields = NULL;

  if (!g_file_get_contents ("/proc/self/statm", &statm, NULL, NULL))
    return 0;
  fields = g_strsplit (statm, " ", 3);
  return g_ascii_strtoull (fields[1], NULL, 10) * 4096;
}

/* FALSE, and the test is skipped, where freed pages cannot be seen to be gone.
 */
static gboolean
knows_pages (void)
{
#ifdef __SANITIZE_ADDRESS__
  g_test_skip ("freed pages stay in quarantine");
  return FALSE;
#endif
  if (resident () > 0 && !g_getenv ("LD_PRELOAD"))
    return TRUE;
  g_test_skip ("the process does not know its pages");
  return FALSE;
}

/* Kept blocks hold pages until they are trimmed, by hand or since another size
 * than theirs is asked for. */
static void
test_trim (gconstpointer by_hand)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  gpointer block;
  gsize before;

  if (!knows_pages ())
    return;
  block = os_mem_pool_alloc (pool, 64 * MIB, NULL);
  memset (block, 1, 64 * MIB);
  os_mem_pool_free (pool, block, 64 * MIB);
  before = resident ();
  if (by_hand) {
    os_mem_pool_trim (pool);
  } else {
    block = os_mem_pool_alloc (pool, MIB, NULL);
    os_mem_pool_free (pool, block, MIB);
  }
  g_assert_cmpuint (resident () + 48 * MIB, <, before);
}

static void
test_limit (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (GError) error = NULL;
  gpointer block;

  os_mem_pool_set_limit (pool, 2 * MIB);
  block = os_mem_pool_alloc (pool, MIB, &error);
  g_assert_no_error (error);
  g_assert_null (os_mem_pool_alloc (pool, MIB + 1, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "1048577 bytes"));
  g_assert_nonnull (strstr (error->message, "1048576 in use, limited"));
  g_assert_null (os_mem_pool_alloc (pool, 2 * MIB, NULL));
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, MIB);
  os_mem_pool_free (pool, block, MIB);

  block = os_mem_pool_alloc (pool, 2 * MIB, NULL);
  g_assert_nonnull (block);
  os_mem_pool_free (pool, block, 2 * MIB);
  os_mem_pool_set_limit (pool, 0);
  block = os_mem_pool_alloc (pool, 3 * MIB, NULL);
  g_assert_nonnull (block);
  os_mem_pool_free (pool, block, 3 * MIB);
}

/* What is kept counts too: the process has it. */
static void
test_limit_of_kept (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  gpointer used, block;
  gsize before;

  if (!knows_pages ())
    return;
  used = os_mem_pool_alloc (pool, 64 * MIB, NULL);
  block = os_mem_pool_alloc (pool, 64 * MIB, NULL);
  memset (block, 1, 64 * MIB);
  os_mem_pool_free (pool, block, 64 * MIB);
  before = resident ();
  os_mem_pool_set_limit (pool, 128 * MIB);
  block = os_mem_pool_alloc (pool, 33 * MIB, NULL);
  g_assert_nonnull (block);
  g_assert_cmpuint (resident () + 16 * MIB, <, before);
  os_mem_pool_free (pool, block, 33 * MIB);
  os_mem_pool_free (pool, used, 64 * MIB);
}

static void
test_huge (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  const gsize sizes[] = {
    G_MAXSIZE,
    G_MAXSIZE - 1,
    G_MAXSSIZE,
#ifndef __SANITIZE_ADDRESS__ /* which aborts for such sizes */
    G_MAXSSIZE - 65536,
    (gsize) 1 << 60,
#endif
  };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *bytes = g_strdup_printf ("%" G_GSIZE_FORMAT, sizes[i]);

    g_assert_null (os_mem_pool_alloc (pool, sizes[i], &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
    g_assert_nonnull (strstr (error->message, bytes));
  }
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, 0);
  g_assert_cmpuint (os_mem_pool_get_peak (pool), ==, 0);
}

static gpointer
allocate_and_free (gpointer pool)
{
  for (gsize i = 1; i <= 2000; i++) {
    const gsize size = i * 7919 % (256 * 1024);
    guint8 *block = os_mem_pool_alloc (pool, size, NULL);

    memset (block, (int) i, size);
    for (gsize j = 0; j < size; j += 4096)
      g_assert_cmphex (block[j], ==, i & 0xff);
    os_mem_pool_free (pool, block, size);
  }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("pool", allocate_and_free, pool);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, 0);
  g_assert_cmpuint (os_mem_pool_get_peak (pool), <=, 4 * 256 * 1024);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/memory/alignment", test_alignment);
  g_test_add_func ("/base/memory/accounting", test_accounting);
  g_test_add_func ("/base/memory/reuse", test_reuse);
  g_test_add_data_func ("/base/memory/trim", "by hand", test_trim);
  g_test_add_data_func ("/base/memory/outgrown", NULL, test_trim);
  g_test_add_func ("/base/memory/limit", test_limit);
  g_test_add_func ("/base/memory/limit-of-kept", test_limit_of_kept);
  g_test_add_func ("/base/memory/huge", test_huge);
  g_test_add_func ("/base/memory/threads", test_threads);
  return g_test_run ();
}
