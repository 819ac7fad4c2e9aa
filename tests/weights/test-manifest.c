/* SPDX-License-Identifier: Apache-2.0 */
/* Published networks are told by their names of tensors. */
#include "weights/manifest.h"

#include "manifesttest.h"

static gboolean
set_has (gconstpointer names, const char *name)
{
  return g_hash_table_contains ((GHashTable *) names, name);
}

static const OsManifest *
find (const char *const *names)
{
  g_autoptr (GHashTable) set = g_hash_table_new (g_str_hash, g_str_equal);

  for (; *names != NULL; names++)
    g_hash_table_add (set, (gpointer) *names);
  return os_manifest_find_nearest (set_has, set);
}

static void
check_published (const char *title, const char *const *names)
{
  g_assert_cmpstr (find (names)->title, ==, title);
}

static void
test_published (void)
{
  g_assert_cmpuint (manifesttest_for_each (check_published), ==, 14);
}

static void
test_nearest (void)
{
  static const char *const pixart[] = { "blocks.0.cross_attn.q_linear.weight",
    "t_block.1.weight", NULL };
  static const char *const half[] = { "decoder.conv_in.weight", NULL };
  static const char *const parts[] = { "t_block_temp.1.weight",
    "fps_embedder.mlp.0.weight", NULL };
  static const char *const none[] = { "w", NULL };

  g_assert_cmpstr (find (pixart)->title, ==, "PixArt transformer");
  g_assert_cmpstr (
      find (parts)->title, ==, "Open-Sora 1.1 transformer (STDiT2)");
  g_assert_null (find (half));
  g_assert_null (find (none));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights/manifest/published", test_published);
  g_test_add_func ("/weights/manifest/nearest", test_nearest);
  return g_test_run ();
}
