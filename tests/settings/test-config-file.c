/* SPDX-License-Identifier: Apache-2.0 */
/* Config files and their bases: merged as mmengine's Config merges them. */
#include "settings/config-file.h"

#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>

#include "settings/json-text.h"

typedef struct {
  char *folder;
  GPtrArray *paths;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->folder = g_dir_make_tmp ("opensora-config-XXXXXX", NULL);
  fixture->paths = g_ptr_array_new_with_free_func (g_free);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  for (guint i = fixture->paths->len; i > 0; i--)
    g_remove (g_ptr_array_index (fixture->paths, i - 1));
  g_ptr_array_unref (fixture->paths);
  g_assert_cmpint (g_rmdir (fixture->folder), ==, 0);
  g_free (fixture->folder);
}

static const char *
write_file (Fixture *fixture, const char *name, const char *text)
{
  char *path = g_build_filename (fixture->folder, name, NULL);

  g_ptr_array_add (fixture->paths, path);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static void
assert_config (const char *path, const char *wanted)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) config = os_config_file_load (path, &error);
  g_autoptr (JsonNode) node = NULL;
  g_autofree char *json = NULL;

  g_assert_no_error (error);
  node = json_node_init_object (json_node_alloc (), config);
  json = json_to_string (node, FALSE);
  g_assert_cmpstr (json, ==, wanted);
}

static void
assert_fails (const char *path, int code, const char *word)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (os_config_file_load (path, &error));
  g_assert_error (error, OPENSORA_ERROR, code);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, word));
}

static void
test_merge (Fixture *fixture, gconstpointer data)
{
  write_file (fixture, "base.py",
      "a = 1\nb = dict(c=1, d=dict(e=1, f=[1, 2]))\ng = (1, 2)\n");
  write_file (fixture, "other.json", "{\"h\": {\"i\": 1, \"j\": 2}}");
  assert_config (
      write_file (fixture, "child.py",
          "new = 0\n_base_ = ['base.py', './other.json']\n"
          "b = dict(d=dict(f=[3], x=None), y=1)\ng = 5\nh = dict(j=3)\n"),
      "{\"a\":1,\"b\":{\"c\":1,\"d\":{\"e\":1,\"f\":[3],\"x\":null},\"y\":1},"
      "\"g\":5,\"h\":{\"i\":1,\"j\":3},\"new\":0}");
}

/* The bases of the base, next to it. */
static void
test_folders (Fixture *fixture, gconstpointer data)
{
  g_autofree char *plugins =
      g_build_filename (fixture->folder, "plugins", NULL);

  g_mkdir (plugins, 0700);
  g_ptr_array_add (fixture->paths, g_strdup (plugins));
  write_file (fixture, "plugins/a.py", "_base_ = 'b.py'\na = 1\n");
  write_file (fixture, "plugins/b.py", "b = 2\n");
  assert_config (write_file (fixture, "main.py", "_base_ = ['plugins/a.py']\n"),
      "{\"b\":2,\"a\":1}");
}

static void
test_delete (Fixture *fixture, gconstpointer data)
{
  write_file (fixture, "base.py",
      "a = dict(x=1, y=2)\nb = 1\nc = dict(x=1)\nd = dict(e=dict(x=1))\n");
  assert_config (write_file (fixture, "child.py",
                     "_base_ = 'base.py'\n"
                     "a = dict(_delete_=True, z=3)\n"
                     "b = dict(_delete_=True, z=3)\n"
                     "c = dict(_delete_=False, z=3)\n"
                     "d = dict(e=dict(_delete_=1, z=3))\n"
                     "new = dict(_delete_=True, z=3)\n"),
      "{\"a\":{\"z\":3},\"b\":{\"z\":3},\"c\":{\"x\":1,\"z\":3},"
      "\"d\":{\"e\":{\"z\":3}},\"new\":{\"_delete_\":true,\"z\":3}}");
}

static void
test_json (Fixture *fixture, gconstpointer data)
{
  write_file (fixture, "base.py", "a = dict(x=1)\n");
  assert_config (write_file (fixture, "c.json",
                     "{\"_base_\": \"base.py\", \"a\": {\"y\": 0.5}, "
                     "\"b\": {\"_delete_\": true}, \"__c\": 1}"),
      "{\"a\":{\"x\":1,\"y\":0.5},\"b\":{\"_delete_\":true}}");
}

static void
test_private_names (Fixture *fixture, gconstpointer data)
{
  assert_config (
      write_file (fixture, "a.py", "__x = 1\n_y = __x\n"), "{\"_y\":1}");
}

static void
test_bad_bases (Fixture *fixture, gconstpointer data)
{
  write_file (fixture, "a.py", "a = 1\n");
  write_file (fixture, "b.py", "b = 1\na = 2\n");
  assert_fails (write_file (fixture, "two.py", "_base_ = ['a.py', 'b.py']"),
      OPENSORA_ERROR_FORMAT, "two.py: two files of _base_ have the key 'a'");
  assert_fails (write_file (fixture, "dict.py", "_base_='a.py'\na=dict(b=1)"),
      OPENSORA_ERROR_FORMAT, "a is a dict here");
  assert_fails (write_file (fixture, "number.py", "_base_ = 1"),
      OPENSORA_ERROR_FORMAT, "_base_");
  assert_fails (write_file (fixture, "package.py", "_base_ = 'mm::a.py'"),
      OPENSORA_ERROR_FORMAT, "_base_");
  assert_fails (write_file (fixture, "absent.py", "_base_ = 'nowhere.py'"),
      OPENSORA_ERROR_NOT_FOUND, "nowhere.py");
  write_file (fixture, "wrong.py", "a = 1\nb = c\n");
  assert_fails (write_file (fixture, "child.py", "_base_ = 'wrong.py'"),
      OPENSORA_ERROR_FORMAT, "wrong.py:2:5: ");
}

static void
test_cycle (Fixture *fixture, gconstpointer data)
{
  write_file (fixture, "a.py", "_base_ = './b.py'");
  assert_fails (write_file (fixture, "b.py", "_base_ = ['../x/../a.py']"),
      OPENSORA_ERROR_NOT_FOUND, "a.py");
  write_file (fixture, "b.py", "_base_ = ['../x/../a.py']");
  assert_fails (write_file (fixture, "c.py", "_base_ = 'c.py'"),
      OPENSORA_ERROR_FORMAT, "its own _base_");
}

/* Each of 20 files names the next twice: a million files. */
static void
test_many_files (Fixture *fixture, gconstpointer data)
{
  for (int i = 0; i < 20; i++) {
    g_autofree char *name = g_strdup_printf ("%d.py", i);
    g_autofree char *text =
        g_strdup_printf ("_base_ = ['%d.py', '%d.py']", i + 1, i + 1);

    write_file (fixture, name, text);
  }
  write_file (fixture, "20.py", "");
  assert_fails (
      fixture->paths->pdata[0], OPENSORA_ERROR_FORMAT, "too many files");
}

static void
test_refuses (Fixture *fixture, gconstpointer data)
{
  g_autofree char *big = g_strnfill ((1 << 20) + 1, '\n');

  assert_fails (fixture->folder, OPENSORA_ERROR_UNSUPPORTED, "Python (.py)");
  assert_fails (write_file (fixture, "a.yaml", "a: 1\n"),
      OPENSORA_ERROR_UNSUPPORTED, "a.yaml");
  assert_fails ("/nowhere/a.py", OPENSORA_ERROR_NOT_FOUND, "/nowhere/a.py");
  assert_fails (
      write_file (fixture, "big.py", big), OPENSORA_ERROR_FORMAT, "too large");
  assert_fails (
      write_file (fixture, "a.json", "[1]"), OPENSORA_ERROR_FORMAT, "a.json");
  assert_fails (write_file (fixture, "r.py", "filename = 1"),
      OPENSORA_ERROR_FORMAT, "'filename' is reserved");
}

static void
test_find (Fixture *fixture, gconstpointer data)
{
  g_autoptr (JsonObject) config =
      os_config_file_load (write_file (fixture, "a.py",
                               "a = dict(b=1, c=dict(d=2), n=None)\ne = 3\n"),
          NULL);

  g_assert_cmpint (
      json_node_get_int (os_config_file_find (config, "e")), ==, 3);
  g_assert_cmpint (
      json_node_get_int (os_config_file_find (config, "a.c.d")), ==, 2);
  g_assert_null (os_config_file_find (config, "a.n"));
  g_assert_null (os_config_file_find (config, "a.x"));
  g_assert_null (os_config_file_find (config, "e.x"));
  g_assert_null (os_config_file_find (config, "x.b"));
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (Fixture *fixture, gconstpointer data);
  } tests[] = { { "merge", test_merge }, { "folders", test_folders },
    { "delete", test_delete }, { "json", test_json },
    { "private-names", test_private_names }, { "bad-bases", test_bad_bases },
    { "cycle", test_cycle }, { "many-files", test_many_files },
    { "refuses", test_refuses }, { "find", test_find } };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++) {
    g_autofree char *path =
        g_strconcat ("/settings/config-file/", tests[i].path, NULL);

    g_test_add (path, Fixture, NULL, set_up, tests[i].test, tear_down);
  }
  return g_test_run ();
}
