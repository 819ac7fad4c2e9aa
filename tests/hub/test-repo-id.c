/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are legal, and what URLs and folders are made of them. */
#include "hub/repo-id.h"

#include <opensora/opensora.h>

static void
test_repo (void)
{
  static const char *const legal[] = { "gpt2", "org/m", "a_b/C-d.e1",
    "hpcai-tech/OpenSora-VAE-v1.2" };
  static const char *const illegal[] = { "", "/", "a/", "/a", "a/b/c", "a b",
    "a--b/c", "a/..", "a..b", "-a/b", "a/b-", "a/b.git", "a/b\\c", "\303\251/a",
    "models/a:b" };
  g_autofree char *longest = g_strnfill (96, 'a');
  g_autofree char *too_long = g_strnfill (97, 'a');

  for (guint i = 0; i < G_N_ELEMENTS (legal); i++)
    g_assert_true (os_hub_check_repo (legal[i], NULL));
  g_assert_true (os_hub_check_repo (longest, NULL));
  g_assert_false (os_hub_check_repo (too_long, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (illegal); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_false (os_hub_check_repo (illegal[i], &error));
    g_assert_error (
        error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INVALID_ARGUMENT);
  }
}

static void
test_filename (void)
{
  static const char *const illegal[] = { "", "/a", "..", "../a", "a/../b",
    "a/..", "a\\..\\b", "\\a", "c:/a", "a/" };

  g_assert_true (os_hub_check_filename ("a/b..c/.d", NULL));
  for (guint i = 0; i < G_N_ELEMENTS (illegal); i++)
    g_assert_false (os_hub_check_filename (illegal[i], NULL));
}

static void
test_revision (void)
{
  g_assert_true (os_hub_check_revision ("refs/pr/1", NULL));
  g_assert_false (os_hub_check_revision ("", NULL));
  g_assert_false (os_hub_check_revision ("/main", NULL));
  g_assert_false (os_hub_check_revision ("a/../b", NULL));
  g_assert_true (os_hub_is_commit ("0123456789abcdef0123456789abcdef01234567"));
  g_assert_false (
      os_hub_is_commit ("0123456789ABCDEF0123456789abcdef01234567"));
  g_assert_false (os_hub_is_commit ("0123456789abcdef"));
}

static void
test_urls (void)
{
  g_autofree char *file =
      os_hub_file_url ("https://h/p", "o/m", "refs/pr/1", "a b/\303\251%#?.t");
  g_autofree char *info = os_hub_info_url ("https://h", "o/m", "v1");
  g_autofree char *folder = os_hub_folder_name ("Org/m");

  g_assert_cmpstr (file, ==,
      "https://h/p/o/m/resolve/refs%2Fpr%2F1/a%20b/%C3%A9%25%23%3F.t");
  g_assert_cmpstr (info, ==, "https://h/api/models/o/m/revision/v1?blobs=true");
  g_assert_cmpstr (folder, ==, "models--Org--m");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hub/repo-id/repo", test_repo);
  g_test_add_func ("/hub/repo-id/filename", test_filename);
  g_test_add_func ("/hub/repo-id/revision", test_revision);
  g_test_add_func ("/hub/repo-id/urls", test_urls);
  return g_test_run ();
}
