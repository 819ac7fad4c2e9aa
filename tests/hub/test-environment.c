/* SPDX-License-Identifier: Apache-2.0 */
/* What each variable decides, and which of two wins. */
#include "hub/environment.h"

#include <glib/gstdio.h>

typedef struct {
  char *home;
} Fixture;

static const char *const names[] = { "HF_HOME", "HF_HUB_CACHE",
  "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_ENDPOINT", "HF_TOKEN",
  "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE",
  "TRANSFORMERS_OFFLINE", "HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT",
  "HF_HUB_DISABLE_IMPLICIT_TOKEN", "http_proxy", "HTTP_PROXY", "https_proxy",
  "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY" };

static void
set_up (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_unsetenv (names[i]);
  fixture->home = g_dir_make_tmp ("hubtest-XXXXXX", NULL);
  g_setenv ("HOME", fixture->home, TRUE);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_rmdir (fixture->home);
  g_free (fixture->home);
}

static void
assert_cache (const char *argument, const char *prefix, const char *wanted)
{
  g_autoptr (OsHubEnvironment) environment =
      os_hub_environment_new (argument, NULL, FALSE);
  g_autofree char *path = g_strconcat (prefix, wanted, NULL);

  g_assert_cmpstr (environment->cache_dir, ==, path);
}

static void
test_cache_dir (Fixture *fixture, gconstpointer data)
{
  assert_cache (NULL, fixture->home, "/.cache/huggingface/hub");
  g_setenv ("XDG_CACHE_HOME", "/no/xdg", TRUE);
  assert_cache (NULL, "", "/no/xdg/huggingface/hub");
  g_setenv ("HF_HOME", "~/hf", TRUE);
  assert_cache (NULL, fixture->home, "/hf/hub");
  g_setenv ("HUGGINGFACE_HUB_CACHE", "/no/old", TRUE);
  assert_cache (NULL, "", "/no/old");
  g_setenv ("HF_HUB_CACHE", "", TRUE);
  assert_cache (NULL, "", "/no/old");
  g_setenv ("HF_HUB_CACHE", "$HOME/${XDG_CACHE_HOME}/$NONE", TRUE);
  assert_cache (NULL, fixture->home, "/no/xdg/$NONE");
  assert_cache ("~/mine", fixture->home, "/mine");
}

static void
assert_token (const char *wanted)
{
  g_autoptr (OsHubEnvironment) environment =
      os_hub_environment_new (NULL, NULL, FALSE);

  g_assert_cmpstr (environment->token, ==, wanted);
}

static void
test_token (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->home, "token", NULL);

  assert_token (NULL);
  g_assert_true (g_file_set_contents (path, " hf_file\r\n", -1, NULL));
  g_setenv ("HF_HOME", fixture->home, TRUE);
  assert_token ("hf_file");
  g_setenv ("HUGGING_FACE_HUB_TOKEN", "hf_old", TRUE);
  assert_token ("hf_old");
  g_setenv ("HF_TOKEN", "hf_a\nb ", TRUE);
  assert_token ("hf_ab");
  g_setenv ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "True", TRUE);
  assert_token (NULL);
  g_unlink (path);
}

static gboolean
is_offline (gboolean local_files_only)
{
  g_autoptr (OsHubEnvironment) environment =
      os_hub_environment_new (NULL, NULL, local_files_only);

  return environment->offline;
}

static void
test_offline (Fixture *fixture, gconstpointer data)
{
  g_assert_false (is_offline (FALSE));
  g_assert_true (is_offline (TRUE));
  g_setenv ("TRANSFORMERS_OFFLINE", "on", TRUE);
  g_assert_true (is_offline (FALSE));
  g_setenv ("HF_HUB_OFFLINE", "0", TRUE);
  g_assert_false (is_offline (FALSE));
}

static void
test_values (Fixture *fixture, gconstpointer data)
{
  g_autoptr (OsHubEnvironment) standard =
      os_hub_environment_new (NULL, NULL, FALSE);
  g_autoptr (OsHubEnvironment) other = NULL;

  g_assert_cmpstr (standard->endpoint, ==, "https://huggingface.co");
  g_assert_cmpuint (standard->metadata_timeout, ==, 10);
  g_assert_true (g_str_has_prefix (standard->user_agent, "opensorasrc/"));
  g_setenv ("HF_ENDPOINT", "http://mirror/hub//", TRUE);
  g_setenv ("HF_HUB_ETAG_TIMEOUT", "3", TRUE);
  g_setenv ("HF_HUB_DOWNLOAD_TIMEOUT", "0", TRUE);
  other = os_hub_environment_new (NULL, NULL, FALSE);
  g_assert_cmpstr (other->endpoint, ==, "http://mirror/hub");
  g_assert_cmpuint (other->metadata_timeout, ==, 3);
  g_assert_cmpuint (other->download_timeout, ==, 10);
}

static void
assert_proxy (const char *url, const char *wanted)
{
  g_autoptr (GProxyResolver) resolver = os_hub_environment_proxies ();
  g_auto (GStrv) proxies = g_proxy_resolver_lookup (resolver, url, NULL, NULL);

  g_assert_cmpstr (proxies[0], ==, wanted);
}

static void
test_proxies (Fixture *fixture, gconstpointer data)
{
  assert_proxy ("https://a/", "direct://");
  g_setenv ("ALL_PROXY", "http://all:1", TRUE);
  g_setenv ("http_proxy", "plain:2", TRUE);
  g_setenv ("no_proxy", "b, c.org", TRUE);
  assert_proxy ("https://a/", "http://all:1");
  assert_proxy ("http://a/", "http://plain:2");
  assert_proxy ("http://b/", "direct://");
  assert_proxy ("http://c.org/", "direct://");
  g_setenv ("no_proxy", "*", TRUE);
  assert_proxy ("http://a/", "direct://");
}

#define ADD(name, func)                                                        \
  g_test_add ("/hub/environment/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("cache-dir", test_cache_dir);
  ADD ("token", test_token);
  ADD ("offline", test_offline);
  ADD ("values", test_values);
  ADD ("proxies", test_proxies);
  return g_test_run ();
}
