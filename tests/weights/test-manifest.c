/* SPDX-License-Identifier: Apache-2.0 */
/* Published networks are told by their names of tensors. */
#include "base/json.h"
#include "weights/manifest.h"

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
test_published (void)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "weights", "manifests.json", NULL);
  g_autofree char *text = NULL;
  g_autoptr (JsonObject) root = NULL;
  JsonObjectIter iter;
  const char *title;
  JsonNode *node;
  gsize length;

  g_assert_true (g_file_get_contents (path, &text, &length, NULL));
  root = os_json_parse (text, length, path, NULL);
  g_assert_cmpuint (json_object_get_size (root), ==, 14);
  json_object_iter_init (&iter, root);
  while (json_object_iter_next (&iter, &title, &node)) {
    JsonArray *list = json_node_get_array (node);
    g_autoptr (GPtrArray) names = g_ptr_array_new ();

    for (guint i = 0; i < json_array_get_length (list); i++)
      g_ptr_array_add (
          names, (gpointer) json_array_get_string_element (list, i));
    g_ptr_array_add (names, NULL);
    g_assert_cmpstr (
        find ((const char *const *) names->pdata)->title, ==, title);
  }
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
