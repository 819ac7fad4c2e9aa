/* SPDX-License-Identifier: Apache-2.0 */
#include "manifesttest.h"

#include "base/json.h"

static void
check_network (const char *title, JsonArray *list, ManifestTestFunc check)
{
  const guint n = json_array_get_length (list);
  g_autofree const char **names = g_new0 (const char *, n + 1);

  for (guint i = 0; i < n; i++)
    names[i] = json_array_get_string_element (list, i);
  check (title, names);
}

guint
manifesttest_for_each (ManifestTestFunc check)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "weights", "manifests.json", NULL);
  g_autofree char *text = NULL;
  g_autoptr (JsonObject) root = NULL;
  g_autoptr (GError) error = NULL;
  JsonObjectIter iter;
  const char *title;
  JsonNode *node;
  gsize length;

  g_assert_true (g_file_get_contents (path, &text, &length, &error));
  root = os_json_parse (text, length, path, &error);
  g_assert_no_error (error);
  json_object_iter_init (&iter, root);
  while (json_object_iter_next (&iter, &title, &node))
    check_network (title, json_node_get_array (node), check);
  return json_object_get_size (root);
}
