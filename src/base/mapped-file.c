/* SPDX-License-Identifier: Apache-2.0 */
/* Mapped files, each once. A file is what it was when it was opened: one that
 * has been written since is another. */
#include "base/mapped-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <sys/stat.h>

#include "base/shared.h"

struct _OsMappedFile {
  OsShared shared;
  GMappedFile *file;
};

static void
free_file (gpointer data)
{
  OsMappedFile *self = data;

  g_mapped_file_unref (self->file);
  g_free (self);
}

static OsSharedTable files = { free_file };

/* What tells this file from others and from itself after a change. */
static GBytes *
make_key (int fd, GError **error)
{
  struct stat s;
  gint64 key[7];

  if (fstat (fd, &s) != 0) {
    g_set_error_literal (error, G_FILE_ERROR, g_file_error_from_errno (errno),
        g_strerror (errno));
    return NULL;
  }
  if (!S_ISREG (s.st_mode)) {
    g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
        "a folder, a device or a pipe where a file is expected");
    return NULL;
  }
  key[0] = s.st_dev;
  key[1] = s.st_ino;
  key[2] = s.st_size;
  key[3] = s.st_mtim.tv_sec;
  key[4] = s.st_mtim.tv_nsec;
  key[5] = s.st_ctim.tv_sec;
  key[6] = s.st_ctim.tv_nsec;
  return g_bytes_new (key, sizeof key);
}

static OsMappedFile *
map (int fd, GError **error)
{
  g_autoptr (GBytes) key = make_key (fd, error);
  OsMappedFile *self = key ? os_shared_find (&files, key) : NULL;
  GMappedFile *file;

  if (!key || self)
    return self;
  file = g_mapped_file_new_from_fd (fd, FALSE, error);
  if (!file)
    return NULL;
  self = g_new0 (OsMappedFile, 1);
  self->file = file;
  return os_shared_add (&files, key, self);
}

OsMappedFile *
os_mapped_file_open (const char *path, GError **error)
{
  /* Whoever writes to a pipe would be waited for. */
  const int fd = g_open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
  g_autoptr (GError) cause = NULL;
  OsMappedFile *self;

  if (fd < 0) {
    const int why = errno;

    g_set_error (error, OPENSORA_ERROR,
        why == ENOENT ? OPENSORA_ERROR_NOT_FOUND : OPENSORA_ERROR_READ,
        "%s: %s", path,
        why == ENOENT ? "there is no such file; check the name or download it"
                      : g_strerror (why));
    return NULL;
  }
  self = map (fd, &cause);
  g_close (fd, NULL);
  if (!self)
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_READ, "%s: %s", path,
        cause->message);
  return self;
}

OsMappedFile *
os_mapped_file_ref (OsMappedFile *self)
{
  return os_shared_ref (self);
}

void
os_mapped_file_unref (OsMappedFile *self)
{
  os_shared_unref (self);
}

char *
os_mapped_file_get_contents (const OsMappedFile *self)
{
  char *contents = g_mapped_file_get_contents (self->file);

  return contents != NULL ? contents : (char *) "";
}

gsize
os_mapped_file_get_length (const OsMappedFile *self)
{
  return g_mapped_file_get_length (self->file);
}
