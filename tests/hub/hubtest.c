/* SPDX-License-Identifier: Apache-2.0 */
/* Starting mock_hub.py and talking to its control port. */
#include "hubtest.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <libsoup/soup.h>
#include <string.h>

static struct {
  GSubprocess *server;
  JsonObject *addresses;
  SoupSession *session;
  char *root;
} shared;

static void
write_repository (const char *root)
{
  g_autofree char *folder = g_build_filename (root, "org", "m", NULL);
  g_autofree char *sub = g_build_filename (folder, "vae", NULL);
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);
  g_autofree char *weights =
      g_build_filename (folder, "model.safetensors", NULL);
  g_autofree char *below = g_build_filename (sub, "config.json", NULL);
  g_autofree char *empty = g_build_filename (folder, "empty.txt", NULL);
  g_autoptr (GRand) random = g_rand_new_with_seed (6);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (guint i = 0; i < 300000; i++) {
    guint32 word = g_rand_int (random);

    g_byte_array_append (bytes, (const guint8 *) &word, sizeof word);
  }
  g_assert_cmpint (g_mkdir_with_parents (sub, 0777), ==, 0);
  g_assert_true (g_file_set_contents (config, "{\"a\": 1}\n", -1, NULL));
  g_assert_true (g_file_set_contents (below, "{\"b\": 2}\n", -1, NULL));
  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  g_assert_true (g_file_set_contents (
      weights, (const char *) bytes->data, bytes->len, NULL));
}

/* Variables of the user change what is tested. */
static void
clean_environment (void)
{
  g_auto (GStrv) names = g_listenv ();

  for (char **name = names; *name != NULL; name++) {
    g_autofree char *lower = g_ascii_strdown (*name, -1);

    if (g_str_has_prefix (lower, "hf_") || g_str_has_suffix (lower, "_proxy")
        || g_str_has_prefix (lower, "hugging")
        || g_str_has_prefix (lower, "transformers_")
        || strstr (lower, "ca_bundle") != NULL
        || g_str_has_prefix (lower, "ssl_cert_")
        || g_str_equal (*name, "XDG_CACHE_HOME"))
      g_unsetenv (*name);
  }
  g_setenv ("HOME", shared.root, TRUE);
  /* GIO looks for a desktop's proxies, in a folder that it makes. */
  g_setenv ("GSETTINGS_BACKEND", "memory", TRUE);
}

static JsonObject *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) node = json_from_string (text, &error);

  g_assert_no_error (error);
  return json_object_ref (json_node_get_object (node));
}

gboolean
hub_test_start (const char *const *options)
{
  g_autofree char *python = g_find_program_in_path ("python3");
  g_autofree char *script =
      g_test_build_filename (G_TEST_DIST, "hub", "mock_hub.py", NULL);
  g_autoptr (GPtrArray) args = g_ptr_array_new ();
  g_autoptr (GDataInputStream) output = NULL;
  g_autofree char *line = NULL;

  if (python == NULL)
    return FALSE;
  shared.root = g_dir_make_tmp ("hubtest-XXXXXX", NULL);
  write_repository (shared.root);
  clean_environment ();
  for (const char *const *arg = (const char *const[]){ python, script, "--root",
           shared.root, "--print-json", "--exit-with-stdin", NULL };
       *arg != NULL; arg++)
    g_ptr_array_add (args, (gpointer) *arg);
  for (; options != NULL && *options != NULL; options++)
    g_ptr_array_add (args, (gpointer) *options);
  g_ptr_array_add (args, NULL);
  shared.server = g_subprocess_newv ((const char *const *) args->pdata,
      G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, NULL);
  g_assert_nonnull (shared.server);
  output =
      g_data_input_stream_new (g_subprocess_get_stdout_pipe (shared.server));
  line = g_data_input_stream_read_line (output, NULL, NULL, NULL);
  g_assert_nonnull (line);
  shared.addresses = parse (line);
  shared.session = soup_session_new ();
  return TRUE;
}

int
hub_test_skip (void)
{
  g_print ("1..0 # SKIP no python3, or no openssl\n");
  return 0;
}

static void
remove_folder (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *below = g_build_filename (path, name, NULL);

    if (g_file_test (below, G_FILE_TEST_IS_DIR)
        && !g_file_test (below, G_FILE_TEST_IS_SYMLINK))
      remove_folder (below);
    else
      g_unlink (below);
  }
  g_rmdir (path);
}

void
hub_test_stop (void)
{
  g_output_stream_close (
      g_subprocess_get_stdin_pipe (shared.server), NULL, NULL);
  g_subprocess_wait (shared.server, NULL, NULL);
  g_clear_object (&shared.server);
  g_clear_object (&shared.session);
  g_clear_pointer (&shared.addresses, json_object_unref);
  remove_folder (shared.root);
  g_clear_pointer (&shared.root, g_free);
}

const char *
hub_test_address (const char *name)
{
  return json_object_get_string_member (shared.addresses, name);
}

static JsonObject *
control (const char *method, const char *what, const char *text)
{
  g_autofree char *url =
      g_strdup_printf ("%s/_mock/%s", hub_test_address ("control"), what);
  g_autoptr (SoupMessage) message = soup_message_new (method, url);
  g_autoptr (GBytes) answer = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *body = NULL;
  g_autofree char *copy = NULL;

  if (text != NULL) {
    g_autofree char *json = g_strdelimit (g_strdup (text), "'", '"');
    g_autoptr (GBytes) bytes = g_bytes_new (json, strlen (json));

    soup_message_set_request_body_from_bytes (
        message, "application/json", bytes);
  }
  answer = soup_session_send_and_read (shared.session, message, NULL, &error);
  g_assert_no_error (error);
  copy = g_strndup (g_bytes_get_data (answer, NULL), g_bytes_get_size (answer));
  g_assert_cmpuint (soup_message_get_status (message), ==, 200);
  return parse (copy);
}

static void
do_control (const char *method, const char *what, const char *text)
{
  json_object_unref (control (method, what, text));
}

void
hub_test_fault (const char *rule)
{
  do_control ("POST", "faults", rule);
}

void
hub_test_config (const char *config)
{
  do_control ("POST", "config", config);
}

void
hub_test_change_file (const char *change)
{
  do_control ("POST", "file", change);
}

void
hub_test_forget_log (void)
{
  do_control ("DELETE", "log", NULL);
}

char *
hub_test_commit (void)
{
  g_autoptr (JsonObject) info = control ("GET", "info", NULL);
  JsonObject *repos = json_object_get_object_member (info, "repos");
  JsonObject *repo = json_object_get_object_member (repos, "org/m");
  JsonObject *main = json_object_get_object_member (repo, "main");

  return g_strdup (json_object_get_string_member (main, "commit"));
}

guint
hub_test_count (const char *origin, const char *method)
{
  g_autoptr (JsonObject) log = control ("GET", "log?wait=1", NULL);
  JsonArray *requests = json_object_get_array_member (log, "requests");
  guint count = 0;

  for (guint i = 0; i < json_array_get_length (requests); i++) {
    JsonObject *request = json_array_get_object_element (requests, i);

    if ((origin == NULL
            || g_str_equal (
                origin, json_object_get_string_member (request, "origin")))
        && (method == NULL
            || g_str_equal (
                method, json_object_get_string_member (request, "method"))))
      count++;
  }
  return count;
}

gboolean
hub_test_saw_token (const char *origin)
{
  g_autoptr (JsonObject) log = control ("GET", "log?wait=1", NULL);
  JsonArray *requests = json_object_get_array_member (log, "requests");
  gboolean seen = FALSE;

  for (guint i = 0; i < json_array_get_length (requests); i++) {
    JsonObject *request = json_array_get_object_element (requests, i);
    JsonObject *headers = json_object_get_object_member (request, "headers");

    seen = seen
           || (g_str_equal (
                   origin, json_object_get_string_member (request, "origin"))
               && json_object_has_member (headers, "authorization"));
  }
  return seen;
}

void
hub_test_set_up (HubTest *test, gconstpointer data)
{
  do_control ("DELETE", "faults", NULL);
  do_control ("DELETE", "file", NULL);
  hub_test_config ("{'tokens': {}, 'private': [], 'gated': [], 'renamed': {}, "
                   "'disabled': [], 'down': false, 'resolve_cache': false}");
  hub_test_forget_log ();
  test->folder = g_dir_make_tmp ("hubtest-XXXXXX", NULL);
  test->cache = g_build_filename (test->folder, "cache", NULL);
  test->hub = opensora_hub_new (test->cache, hub_test_address ("hub"), FALSE);
}

void
hub_test_tear_down (HubTest *test, gconstpointer data)
{
  g_object_unref (test->hub);
  remove_folder (test->folder);
  g_free (test->cache);
  g_free (test->folder);
}

void
hub_test_assert_content (const char *path, const char *file)
{
  g_autofree char *wanted_path =
      g_build_filename (shared.root, "org", "m", file, NULL);
  g_autofree char *wanted = NULL;
  g_autofree char *found = NULL;
  gsize wanted_size, found_size;

  g_assert_nonnull (path);
  g_assert_true (
      g_file_get_contents (wanted_path, &wanted, &wanted_size, NULL));
  g_assert_true (g_file_get_contents (path, &found, &found_size, NULL));
  g_assert_cmpmem (found, found_size, wanted, wanted_size);
}

static guint
count_below (const char *folder, const char *suffix)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  guint count = 0;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);

    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      count += count_below (path, suffix);
    else
      count += g_str_has_suffix (name, suffix);
  }
  return count;
}

guint
hub_test_count_files (HubTest *test, const char *suffix)
{
  return count_below (test->cache, suffix);
}

void
hub_test_empty_cache (HubTest *test)
{
  remove_folder (test->cache);
}

char *
hub_test_download (HubTest *test, const char *file, GError **error)
{
  return opensora_hub_download (
      test->hub, "org/m", NULL, file, NULL, NULL, NULL, error);
}
