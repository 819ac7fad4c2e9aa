/* SPDX-License-Identifier: Apache-2.0 */
/* Verification of files on the disk. A folder that huggingface_hub downloads to
 * (local_dir) has FOLDER/.cache/huggingface/download/FILE.metadata for each
 * file: the commit, the etag and the time, a line each (_local_folder.py). */
#include "hub/verify.h"

#include <fcntl.h>
#include <opensora/opensora.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/error.h"
#include "hub/hash.h"
#include "hub/repo-id.h"

#define STEP (16 << 20) /* bytes between two reports of progress */

static gboolean
hash_file (OsHubHash *hash, int fd, const char *path, gint64 size,
    const OsTask *task, GError **error)
{
  for (gint64 at = 0; at < size; at += STEP) {
    os_task_progress (task, OPENSORA_STAGE_DOWNLOAD, at, size);
    if (!os_hub_hash_read (hash, fd, MIN (size - at, STEP), path,
            os_task_get_cancellable (task), error))
      return FALSE;
  }
  if (size > 0)
    os_task_progress (task, OPENSORA_STAGE_DOWNLOAD, size, size);
  return TRUE;
}

/* The digest of the file, of the kind that the etag is. */
static char *
digest_file (
    const char *path, const char *etag, const OsTask *task, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  g_autoptr (OsHubHash) hash = NULL;
  char *digest = NULL;
  struct stat status;

  if (fd < 0 || fstat (fd, &status) != 0)
    os_hub_fail_io (error, path, "read");
  else if ((hash = os_hub_hash_new (etag, status.st_size)) == NULL)
    g_set_error (error, OPENSORA_HUB_ERROR,
        OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND,
        "%s cannot be checked: the server that it came from named it \"%s\", "
        "which is no hash",
        path, etag);
  else if (hash_file (hash, fd, path, status.st_size, task, error))
    digest = os_hub_hash_finish (hash);
  if (fd >= 0)
    close (fd);
  return digest;
}

gboolean
os_hub_verify (
    const char *path, const char *etag, const OsTask *task, GError **error)
{
  g_autofree char *digest = digest_file (path, etag, task, error);

  if (digest == NULL || g_str_equal (digest, etag))
    return digest != NULL;
  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INTEGRITY,
      "%s is damaged: its hash is %s, and %s is right; delete it and download "
      "it again",
      path, digest, etag);
  return FALSE;
}

char *
os_hub_local_etag (const char *folder, const char *filename, GError **error)
{
  g_autofree char *name = g_strconcat (filename, ".metadata", NULL);
  g_autofree char *path = g_build_filename (
      folder, ".cache", "huggingface", "download", name, NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (g_file_get_contents (path, &text, NULL, NULL))
    lines = g_strsplit (text, "\n", 3);
  if (lines != NULL && g_strv_length (lines) == 3
      && os_hub_is_commit (g_strstrip (lines[0])))
    return g_strdup (g_strstrip (lines[1]));
  g_set_error (error, OPENSORA_HUB_ERROR,
      OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND,
      "%s does not say what the hash of %s in %s should be", path, filename,
      folder);
  return NULL;
}
