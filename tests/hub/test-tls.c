/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that are not right are errors; nothing is sent before. */
#include <glib/gstdio.h>
#include <string.h>

#include "hubtest.h"

static void
test_trusted (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  path = hub_test_download (test, "model.safetensors", &error);
  g_assert_no_error (error);
  hub_test_assert_content (path, "model.safetensors");
}

static void
test_refused (HubTest *test, gconstpointer kind)
{
  g_autofree char *config =
      g_strdup_printf ("{'hub_tls': '%s'}", (const char *) kind);
  g_autoptr (GError) error = NULL;

  hub_test_config (config);
  g_setenv ("HF_TOKEN", "hf_secret", TRUE);
  g_assert_null (hub_test_download (test, "config.json", &error));
  g_unsetenv ("HF_TOKEN");
  g_assert_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_TLS);
  g_assert_nonnull (strstr (error->message, "SSL_CERT_FILE"));
  g_assert_false (hub_test_saw_token ("hub"));
  hub_test_config ("{'hub_tls': 'good'}");
}

/* The server of the contents has a bad certificate. */
static void
test_cdn_refused (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  hub_test_config ("{'cdn_tls': 'selfsigned'}");
  g_assert_null (hub_test_download (test, "model.safetensors", &error));
  g_assert_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_TLS);
  g_assert_cmpuint (hub_test_count_files (test, "model.safetensors"), ==, 0);
  hub_test_config ("{'cdn_tls': 'good'}");
}

/* --- Which certificates are trusted --- */

/* Runs openssl; its first line of output. */
static char *
openssl (const char *arguments)
{
  g_autofree char *command = g_strconcat ("openssl ", arguments, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *messages = NULL;
  char *output = NULL;
  int status;

  g_assert_true (
      g_spawn_command_line_sync (command, &output, &messages, &status, &error));
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, NULL));
  return g_strchomp (output);
}

/* Copies what the hub's certificate is signed with to a folder. */
static char *
make_folder (HubTest *test, const char *name, const char *file)
{
  const char *ca = hub_test_address ("ca_file");
  char *folder = g_build_filename (test->folder, name, NULL);
  g_autofree char *path = g_build_filename (folder, file, NULL);
  g_autofree char *text = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (ca, &text, &length, NULL));
  g_assert_cmpint (g_mkdir (folder, 0777), ==, 0);
  g_assert_true (g_file_set_contents (path, text, length, NULL));
  return folder;
}

/* Is the hub trusted when these variables have these values? */
static void
assert_trust (HubTest *test, gboolean wanted, const char *const *variables)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  g_unsetenv ("SSL_CERT_FILE");
  for (const char *const *v = variables; *v != NULL; v += 2)
    g_setenv (v[0], v[1], TRUE);
  hub_test_empty_cache (test);
  path = hub_test_download (test, "config.json", &error);
  for (const char *const *v = variables; *v != NULL; v += 2)
    g_unsetenv (v[0]);
  g_setenv ("SSL_CERT_FILE", hub_test_address ("ca_file"), TRUE);
  if (wanted)
    g_assert_no_error (error);
  else
    g_assert_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_TLS);
}

#define TRUST(wanted, ...)                                                     \
  assert_trust (test, wanted, (const char *const[]){ __VA_ARGS__, NULL })

/* As Python's OpenSSL: folders of files that are named by hash. Verified with
 * huggingface_hub 2.4. */
static void
test_folder (HubTest *test, gconstpointer data)
{
  g_autofree char *arguments = g_strdup_printf (
      "x509 -noout -hash -in '%s'", hub_test_address ("ca_file"));
  g_autofree char *hash = openssl (arguments);
  g_autofree char *name = g_strconcat (hash, ".0", NULL);
  g_autofree char *hashed = make_folder (test, "hashed", name);
  g_autofree char *plain = make_folder (test, "plain", "ca.pem");
  g_autofree char *damaged = g_build_filename (hashed, "01234567.0", NULL);
  g_autofree char *both = g_strconcat (plain, ":", hashed, NULL);

  g_assert_true (g_file_set_contents (damaged, "no certificate", -1, NULL));
  TRUST (FALSE, "SSL_CERT_DIR", plain);
  TRUST (TRUE, "SSL_CERT_DIR", hashed);
  TRUST (TRUE, "SSL_CERT_DIR", both);
  TRUST (FALSE, "SSL_CERT_DIR", "/no/folder");
  TRUST (TRUE, "SSL_CERT_DIR", hashed, "SSL_CERT_FILE", "");
  TRUST (FALSE, "SSL_CERT_FILE", hashed);
  TRUST (TRUE, "REQUESTS_CA_BUNDLE", hashed);
}

/* Which of two variables counts. */
static void
test_variables (HubTest *test, gconstpointer data)
{
  const char *good = hub_test_address ("ca_file");
  g_autofree char *other = g_build_filename (test->folder, "other.pem", NULL);
  g_autofree char *arguments = g_strdup_printf (
      "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other "
      "-keyout /dev/null -out '%s'",
      other);

  g_free (openssl (arguments));
  TRUST (TRUE, "SSL_CERT_FILE", good);
  TRUST (FALSE, "SSL_CERT_FILE", other);
  TRUST (FALSE, "SSL_CERT_FILE", "/no/file");
  TRUST (TRUE, "SSL_CERT_FILE", good, "SSL_CERT_DIR", test->folder);
  TRUST (FALSE, "SSL_CERT_FILE", other, "REQUESTS_CA_BUNDLE", good);
  TRUST (FALSE, "SSL_CERT_DIR", test->folder, "REQUESTS_CA_BUNDLE", good);
  TRUST (TRUE, "REQUESTS_CA_BUNDLE", good);
  TRUST (FALSE, "REQUESTS_CA_BUNDLE", other, "CURL_CA_BUNDLE", good);
  TRUST (TRUE, "CURL_CA_BUNDLE", good);
  TRUST (FALSE, "CURL_CA_BUNDLE", ""); /* those of the system */
}

#define ADD(name, data, func)                                                  \
  g_test_add ("/hub/tls/" name, HubTest, data, hub_test_set_up, func,          \
      hub_test_tear_down)

int
main (int argc, char **argv)
{
  static const char *const options[] = { "--tls", "good", NULL };
  g_autofree char *program = g_find_program_in_path ("openssl");
  int status;

  g_test_init (&argc, &argv, NULL);
  if (program == NULL
      || !g_tls_backend_supports_tls (g_tls_backend_get_default ())
      || !hub_test_start (options))
    return hub_test_skip ();
  g_setenv ("SSL_CERT_FILE", hub_test_address ("ca_file"), TRUE);
  ADD ("trusted", NULL, test_trusted);
  ADD ("expired", "expired", test_refused);
  ADD ("wrong-host", "wronghost", test_refused);
  ADD ("self-signed", "selfsigned", test_refused);
  ADD ("cdn", NULL, test_cdn_refused);
  ADD ("folder", NULL, test_folder);
  ADD ("variables", NULL, test_variables);
  status = g_test_run ();
  hub_test_stop ();
  return status;
}
