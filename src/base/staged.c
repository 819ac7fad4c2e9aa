/* SPDX-License-Identifier: Apache-2.0 */
/* Files that appear whole or not at all. */
#include "base/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <unistd.h>

struct _OsStagedFile {
  char *path;
  char *temporary; /* NULL once it is committed */
  int fd;          /* -1 once it is synced */
};

static gboolean
fail (const OsStagedFile *file, GError **error)
{
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_WRITE,
      "%s cannot be written: %s", file->path, g_strerror (errno));
  return FALSE;
}

OsStagedFile *
os_staged_file_new (const char *path, GError **error)
{
  OsStagedFile *file = g_new0 (OsStagedFile, 1);

  file->path = g_strdup (path);
  file->temporary = g_strconcat (path, ".XXXXXX", NULL);
  file->fd = g_mkstemp_full (file->temporary, O_WRONLY | O_CLOEXEC, 0666);
  if (file->fd < 0) {
    fail (file, error);
    g_clear_pointer (&file->temporary, g_free);
    os_staged_file_free (file);
    return NULL;
  }
  return file;
}

void
os_staged_file_free (OsStagedFile *file)
{
  if (file == NULL)
    return;
  if (file->fd >= 0)
    close (file->fd);
  if (file->temporary != NULL)
    g_unlink (file->temporary);
  g_free (file->temporary);
  g_free (file->path);
  g_free (file);
}

gboolean
os_staged_file_write (
    OsStagedFile *file, gconstpointer data, gsize size, GError **error)
{
  const char *rest = data;

  while (size > 0) {
    gssize written = write (file->fd, rest, size);

    if (written < 0 && errno != EINTR)
      return fail (file, error);
    if (written > 0) {
      rest += written;
      size -= written;
    }
  }
  return TRUE;
}

gboolean
os_staged_file_sync (OsStagedFile *file, GError **error)
{
  int fd = file->fd;

  if (fsync (fd) != 0)
    return fail (file, error);
  file->fd = -1;
  return close (fd) == 0 || fail (file, error);
}

gboolean
os_staged_file_commit (OsStagedFile *file, GError **error)
{
  if (g_rename (file->temporary, file->path) != 0)
    return fail (file, error);
  g_clear_pointer (&file->temporary, g_free);
  return TRUE;
}
