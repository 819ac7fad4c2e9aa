/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that are not right are errors; nothing is sent before. */
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

#define ADD(name, data, func)                                                  \
  g_test_add ("/hub/tls/" name, HubTest, data, hub_test_set_up, func,          \
      hub_test_tear_down)

int
main (int argc, char **argv)
{
  static const char *const options[] = { "--tls", "good", NULL };
  g_autofree char *openssl = g_find_program_in_path ("openssl");
  int status;

  g_test_init (&argc, &argv, NULL);
  if (openssl == NULL
      || !g_tls_backend_supports_tls (g_tls_backend_get_default ())
      || !hub_test_start (options))
    return hub_test_skip ();
  g_setenv ("SSL_CERT_FILE", hub_test_address ("ca_file"), TRUE);
  ADD ("trusted", NULL, test_trusted);
  ADD ("expired", "expired", test_refused);
  ADD ("wrong-host", "wronghost", test_refused);
  ADD ("self-signed", "selfsigned", test_refused);
  ADD ("cdn", NULL, test_cdn_refused);
  status = g_test_run ();
  hub_test_stop ();
  return status;
}
