/* SPDX-License-Identifier: Apache-2.0 */
/* Files in memory, and what has to be true of whatever was opened. */
#include "fuzz.h"

#include <opensora/opensora.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "weights/gather.h"

#define MAX_ELEMENTS 4096

void
fuzz_file_init (FuzzFile *file, const uint8_t *data, size_t size)
{
  file->fd = memfd_create ("fuzz", MFD_CLOEXEC);
  g_assert_cmpint (file->fd, >=, 0);
  g_assert_cmpint (write (file->fd, data, size), ==, size);
  file->path = g_strdup_printf ("/proc/self/fd/%d", file->fd);
}

void
fuzz_file_clear (FuzzFile *file)
{
  close (file->fd);
  g_free (file->path);
}

void
fuzz_check_error (const GError *error, const char *path)
{
  g_assert_nonnull (error);
  g_assert_true (error->domain == OPENSORA_ERROR);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

/* The first and the last elements: those that could be outside. */
static void
read_tensor (const OsTensor *tensor)
{
  static guint8 bytes[MAX_ELEMENTS * 8];
  gint64 count = os_tensor_count (tensor);
  gint64 n = MIN (count, MAX_ELEMENTS);

  g_assert_cmpint (count, >=, 0);
  os_gather (tensor, 0, n, bytes);
  os_gather (tensor, count - n, n, bytes);
}

void
fuzz_check (const OsCheckpoint *checkpoint)
{
  const GPtrArray *entries = os_checkpoint_get_entries (checkpoint);
  guint n_names = 0;

  for (guint i = 0; i < entries->len; i++) {
    const OsCheckpointEntry *entry = g_ptr_array_index (entries, i);

    read_tensor (entry->tensor);
    if (entry->name == NULL)
      continue;
    n_names++;
    g_assert_true (g_utf8_validate (entry->name, -1, NULL));
    g_assert_true (os_checkpoint_find (checkpoint, entry->name) == entry);
  }
  g_assert_cmpuint (os_checkpoint_get_n_tensors (checkpoint), ==, n_names);
}
