/* SPDX-License-Identifier: Apache-2.0 */
/* Telling containers apart, and opening: a file, an index, a folder. */
#include "weights/container.h"

#include <opensora/opensora.h>
#include <string.h>

#include "weights/folder.h"
#include "weights/safetensors.h"
#include "weights/sharded.h"
#include "weights/torch-legacy.h"
#include "weights/torch-zip.h"

#define TAR_MAGIC_OFFSET 257

static gboolean
has (const char *data, gsize size, gsize offset, const char *magic)
{
  gsize length = strlen (magic);

  return size >= offset + length && memcmp (data + offset, magic, length) == 0;
}

/* A safetensors file begins with the length of its header, and any byte can be
 * the first of that. A length that does not fit makes room for others, and is
 * left to the reader of safetensors, which knows what to say. */
OsContainer
os_container_recognise (const char *data, gsize size)
{
  gboolean has_header = has (data, size, sizeof (guint64), "{");
  guint64 length;

  if (has_header) {
    memcpy (&length, data, sizeof length);
    if (GUINT64_FROM_LE (length) <= size - sizeof length)
      return OS_CONTAINER_SAFETENSORS;
  }
  if (has (data, size, 0, "PK\003\004"))
    return OS_CONTAINER_TORCH_ZIP;
  if (has (data, size, 0, "\200\002"))
    return OS_CONTAINER_TORCH_LEGACY;
  if (has (data, size, 0, "version https://git-lfs"))
    return OS_CONTAINER_LFS_POINTER;
  if (has (data, size, 0, "<") || has (data, size, 0, "{\"error\""))
    return OS_CONTAINER_WEB_ANSWER;
  if (has (data, size, 0, "{"))
    return OS_CONTAINER_INDEX;
  if (has (data, size, TAR_MAGIC_OFFSET, "ustar"))
    return OS_CONTAINER_TORCH_TAR;
  return has_header ? OS_CONTAINER_SAFETENSORS : OS_CONTAINER_UNKNOWN;
}

static gboolean
recognise_file (const char *path, OsContainer *container, GError **error)
{
  g_autoptr (OsMappedFile) file = os_mapped_file_open (path, error);

  if (file == NULL)
    return FALSE;
  *container = os_container_recognise (
      os_mapped_file_get_contents (file), os_mapped_file_get_length (file));
  return TRUE;
}

static gboolean
refuse (const char *path, OsContainer container, GError **error)
{
  static const char *const found[] = {
    [OS_CONTAINER_UNKNOWN] = "empty, or neither safetensors nor a file that "
                             "PyTorch wrote; download it again",
    [OS_CONTAINER_INDEX] = "a JSON text where tensors are expected",
    [OS_CONTAINER_TORCH_TAR] = "a tar file, as PyTorch before 0.1.10 wrote "
                               "them; load and save it with a newer PyTorch",
    [OS_CONTAINER_LFS_POINTER] = "a git-lfs pointer instead of the file it "
                                 "stands for; download the file itself "
                                 "(git lfs pull)",
    [OS_CONTAINER_WEB_ANSWER] = "a web page or an error message saved under "
                                "this name; download the file again",
  };

  g_set_error (error, OPENSORA_ERROR,
      container == OS_CONTAINER_TORCH_TAR ? OPENSORA_ERROR_UNSUPPORTED
                                          : OPENSORA_ERROR_FORMAT,
      "%s: is %s", path, found[container]);
  return FALSE;
}

/* A safetensors file is one dict: no other can be chosen. */
static gboolean
read_safetensors (OsCheckpoint *checkpoint, const char *path,
    const char *state_dict, GError **error)
{
  if (state_dict != NULL && *state_dict != '\0') {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "%s: has no state dict \"%s\": a safetensors file holds one set of "
        "tensors; leave the choice out",
        path, state_dict);
    return FALSE;
  }
  return os_safetensors_read (checkpoint, path, error);
}

gboolean
os_container_read (OsCheckpoint *checkpoint, const char *path,
    const char *state_dict, GError **error)
{
  OsContainer container;

  if (!recognise_file (path, &container, error))
    return FALSE;
  os_checkpoint_set_file (checkpoint, path);
  switch (container) {
    case OS_CONTAINER_SAFETENSORS:
      os_checkpoint_set_format (checkpoint, "safetensors");
      return read_safetensors (checkpoint, path, state_dict, error);
    case OS_CONTAINER_TORCH_ZIP:
      os_checkpoint_set_format (checkpoint, "torch-zip");
      return os_torch_zip_read (checkpoint, path, state_dict, error);
    case OS_CONTAINER_TORCH_LEGACY:
      os_checkpoint_set_format (checkpoint, "torch-legacy");
      return os_torch_legacy_read (checkpoint, path, state_dict, error);
    default:
      return refuse (path, container, error);
  }
}

OsCheckpoint *
os_checkpoint_open_at (const char *path, const char *state_dict, GError **error)
{
  g_autofree char *file = g_file_test (path, G_FILE_TEST_IS_DIR)
                              ? os_folder_find_checkpoint (path, error)
                              : g_strdup (path);
  g_autoptr (OsCheckpoint) checkpoint = NULL;
  OsContainer container;
  gboolean read;

  if (file == NULL || !recognise_file (file, &container, error))
    return NULL;
  checkpoint = os_checkpoint_new (file, "");
  read = container == OS_CONTAINER_INDEX
             ? os_sharded_read (checkpoint, state_dict, error)
             : os_container_read (checkpoint, file, state_dict, error);
  if (!read)
    return NULL;
  if (strstr (os_checkpoint_get_format (checkpoint), "torch") != NULL)
    os_checkpoint_strip_module (checkpoint);
  return g_steal_pointer (&checkpoint);
}

OsCheckpoint *
os_checkpoint_open (const char *path, GError **error)
{
  return os_checkpoint_open_at (path, NULL, error);
}
