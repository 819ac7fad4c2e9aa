/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of huggingface_hub: utils/_validators.py and file_download.py. */
#include "hub/repo-id.h"

#include <opensora/opensora.h>
#include <string.h>

#include "base/text.h"

#define MAX_PART 96

static gboolean
fail (GError **error, const char *what, const char *text, const char *rule)
{
  g_autofree char *excerpt = os_text_excerpt (text, strlen (text));

  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INVALID_ARGUMENT,
      "\"%s\" is not a %s: %s", excerpt, what, rule);
  return FALSE;
}

static gboolean
is_word (char c)
{
  return g_ascii_isalnum (c) || c == '_';
}

static gboolean
is_part (const char *part)
{
  gsize length = strlen (part);

  return length >= 1 && length <= MAX_PART && is_word (part[0])
         && is_word (part[length - 1])
         && strspn (part, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-")
                == length;
}

gboolean
os_hub_check_repo (const char *repo, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (repo, "/", 3);
  guint n = g_strv_length (parts);
  gboolean legal = n == 1 || n == 2;

  for (guint i = 0; i < n && legal; i++)
    legal = is_part (parts[i]);
  if (legal && strstr (repo, "--") == NULL && strstr (repo, "..") == NULL
      && !g_str_has_suffix (repo, ".git"))
    return TRUE;
  return fail (error, "repository id", repo,
      "write namespace/name, of letters, digits, \"_\", \".\" and \"-\"");
}

/* Does a segment between slashes of either kind lead up? */
static gboolean
leads_out (const char *path)
{
  g_auto (GStrv) segments = g_strsplit_set (path, "/\\", -1);

  return path[0] == '/' || path[0] == '\\'
         || g_strv_contains ((const char *const *) segments, "..");
}

gboolean
os_hub_check_revision (const char *revision, GError **error)
{
  if (revision[0] != '\0' && !leads_out (revision))
    return TRUE;
  return fail (error, "revision", revision,
      "give a branch, a tag, refs/pr/N or a commit");
}

gboolean
os_hub_check_filename (const char *filename, GError **error)
{
  gsize length = strlen (filename);

  if (length > 0 && filename[length - 1] != '/' && !leads_out (filename)
      && !(g_ascii_isalpha (filename[0]) && filename[1] == ':'))
    return TRUE;
  return fail (error, "file of a repository", filename,
      "give its path from the top of the repository, without \"..\"");
}

gboolean
os_hub_is_hex (const char *text, gsize digits)
{
  return strlen (text) == digits
         && strspn (text, G_CSET_DIGITS "abcdef") == digits;
}

gboolean
os_hub_is_commit (const char *revision)
{
  return os_hub_is_hex (revision, 40);
}

char *
os_hub_folder_name (const char *repo)
{
  g_auto (GStrv) parts = g_strsplit (repo, "/", -1);
  g_autofree char *joined = g_strjoinv ("--", parts);

  return g_strconcat ("models--", joined, NULL);
}

char *
os_hub_file_url (const char *endpoint, const char *repo, const char *revision,
    const char *filename)
{
  g_autofree char *rev = g_uri_escape_string (revision, NULL, FALSE);
  g_autofree char *file = g_uri_escape_string (filename, "/", FALSE);

  return g_strdup_printf ("%s/%s/resolve/%s/%s", endpoint, repo, rev, file);
}

char *
os_hub_info_url (const char *endpoint, const char *repo, const char *revision)
{
  g_autofree char *rev = g_uri_escape_string (revision, NULL, FALSE);

  return g_strdup_printf (
      "%s/api/models/%s/revision/%s?blobs=true", endpoint, repo, rev);
}
