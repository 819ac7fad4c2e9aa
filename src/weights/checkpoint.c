/* SPDX-License-Identifier: Apache-2.0 */
/* The table of tensors that readers fill. */
#include "weights/checkpoint.h"

#include <opensora/opensora.h>
#include <string.h>
#include <zlib.h>

#define VERIFY_CHUNK (4 << 20)

/* A checksum that is still to be compared. */
typedef struct {
  OsMappedFile *file;
  gsize offset;
  gsize size;
  guint32 crc;
  char *path;
  char *record;
} Check;

struct _OsCheckpoint {
  gatomicrefcount refs;
  char *path;
  char *format;
  char *file; /* that is being read */
  char **state_dict;
  GPtrArray *entries;   /* of OsCheckpointEntry *, all */
  GHashTable *by_name;  /* char * -> OsCheckpointEntry *: the state dict */
  GPtrArray *names;     /* of char *, NULL-terminated: its keys, in order */
  GHashTable *metadata; /* char * -> char * */
  GArray *checks;       /* of Check */
};

static void
clear_step (gpointer data)
{
  OsCheckpointStep *step = data;

  g_free (step->key);
}

static void
free_entry (gpointer data)
{
  OsCheckpointEntry *entry = data;

  g_free (entry->name);
  g_free (entry->file);
  g_array_unref (entry->path);
  os_tensor_unref (entry->tensor);
  g_free (entry);
}

static void
clear_check (gpointer data)
{
  Check *check = data;

  os_mapped_file_unref (check->file);
  g_free (check->path);
  g_free (check->record);
}

OsCheckpoint *
os_checkpoint_new (const char *path, const char *format)
{
  OsCheckpoint *checkpoint = g_new0 (OsCheckpoint, 1);

  g_atomic_ref_count_init (&checkpoint->refs);
  checkpoint->path = g_strdup (path);
  checkpoint->format = g_strdup (format);
  checkpoint->file = g_strdup (path);
  checkpoint->state_dict = g_new0 (char *, 1);
  checkpoint->entries = g_ptr_array_new_with_free_func (free_entry);
  checkpoint->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  checkpoint->names = g_ptr_array_new_null_terminated (1, NULL, TRUE);
  checkpoint->metadata =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  checkpoint->checks = g_array_new (FALSE, FALSE, sizeof (Check));
  g_array_set_clear_func (checkpoint->checks, clear_check);
  return checkpoint;
}

OsCheckpoint *
os_checkpoint_ref (OsCheckpoint *checkpoint)
{
  g_atomic_ref_count_inc (&checkpoint->refs);
  return checkpoint;
}

void
os_checkpoint_unref (OsCheckpoint *checkpoint)
{
  if (checkpoint == NULL || !g_atomic_ref_count_dec (&checkpoint->refs))
    return;
  g_hash_table_unref (checkpoint->by_name);
  g_hash_table_unref (checkpoint->metadata);
  g_ptr_array_unref (checkpoint->names);
  g_ptr_array_unref (checkpoint->entries);
  g_array_unref (checkpoint->checks);
  g_strfreev (checkpoint->state_dict);
  g_free (checkpoint->path);
  g_free (checkpoint->format);
  g_free (checkpoint->file);
  g_free (checkpoint);
}

const char *
os_checkpoint_get_path (const OsCheckpoint *checkpoint)
{
  return checkpoint->path;
}

const char *
os_checkpoint_get_format (const OsCheckpoint *checkpoint)
{
  return checkpoint->format;
}

const char *const *
os_checkpoint_get_state_dict (const OsCheckpoint *checkpoint)
{
  return (const char *const *) checkpoint->state_dict;
}

const OsCheckpointEntry *
os_checkpoint_find (const OsCheckpoint *checkpoint, const char *name)
{
  return g_hash_table_lookup (checkpoint->by_name, name);
}

OsTensor *
os_checkpoint_get (const OsCheckpoint *checkpoint, const char *name)
{
  const OsCheckpointEntry *entry = os_checkpoint_find (checkpoint, name);

  return entry != NULL ? entry->tensor : NULL;
}

const char *const *
os_checkpoint_get_names (const OsCheckpoint *checkpoint)
{
  return (const char *const *) checkpoint->names->pdata;
}

guint
os_checkpoint_get_n_tensors (const OsCheckpoint *checkpoint)
{
  return checkpoint->names->len;
}

const GPtrArray *
os_checkpoint_get_entries (const OsCheckpoint *checkpoint)
{
  return checkpoint->entries;
}

GHashTable *
os_checkpoint_get_metadata (const OsCheckpoint *checkpoint)
{
  return checkpoint->metadata;
}

static gboolean
verify_record (const Check *check, const OsTask *task, GError **error)
{
  g_autoptr (OsTensor) record = os_tensor_new_wrapped (OS_DTYPE_U8,
      OS_SHAPE (check->size),
      os_mapped_file_get_contents (check->file) + check->offset,
      os_mapped_file_ref (check->file), (GDestroyNotify) os_mapped_file_unref);
  guint32 crc = 0;

  for (gsize done = 0; done < check->size; done += VERIFY_CHUNK) {
    gsize n = MIN (check->size - done, VERIFY_CHUNK);
    g_autoptr (OsTensor) chunk = os_tensor_slice (record, 0, done, n);

    if (!os_task_check (task, error))
      return FALSE;
    crc = crc32_z (crc, os_tensor_data (chunk), n);
    os_tensor_release (chunk);
  }
  if (crc == check->crc)
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "%s: record %s is damaged: its CRC-32 is %08x, %08x expected; "
      "download or copy the file again",
      check->path, check->record, crc, check->crc);
  return FALSE;
}

gboolean
os_checkpoint_verify (
    const OsCheckpoint *checkpoint, const OsTask *task, GError **error)
{
  for (guint i = 0; i < checkpoint->checks->len; i++) {
    if (!verify_record (
            &g_array_index (checkpoint->checks, Check, i), task, error))
      return FALSE;
  }
  return TRUE;
}

/* Filling. */

void
os_checkpoint_set_format (OsCheckpoint *checkpoint, const char *format)
{
  g_free (checkpoint->format);
  checkpoint->format = g_strdup (format);
}

void
os_checkpoint_set_state_dict (OsCheckpoint *checkpoint, const char *const *keys)
{
  g_strfreev (checkpoint->state_dict);
  checkpoint->state_dict = g_strdupv ((char **) keys);
}

void
os_checkpoint_set_file (OsCheckpoint *checkpoint, const char *file)
{
  g_free (checkpoint->file);
  checkpoint->file = g_strdup (file);
}

GArray *
os_checkpoint_path_new (void)
{
  GArray *path = g_array_new (FALSE, FALSE, sizeof (OsCheckpointStep));

  g_array_set_clear_func (path, clear_step);
  return path;
}

void
os_checkpoint_path_append (GArray *path, const char *key, gint64 index)
{
  OsCheckpointStep step = { g_strdup (key), index };

  g_array_append_val (path, step);
}

static void
add_name (OsCheckpoint *checkpoint, OsCheckpointEntry *entry)
{
  g_hash_table_insert (checkpoint->by_name, entry->name, entry);
  g_ptr_array_add (checkpoint->names, entry->name);
}

gboolean
os_checkpoint_add_at (OsCheckpoint *checkpoint, const char *name, GArray *path,
    OsTensor *tensor, GError **error)
{
  OsCheckpointEntry *entry;

  if (name != NULL && g_hash_table_contains (checkpoint->by_name, name)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: tensor %s is there twice", checkpoint->file, name);
    g_array_unref (path);
    os_tensor_unref (tensor);
    return FALSE;
  }
  entry = g_new0 (OsCheckpointEntry, 1);
  entry->name = g_strdup (name);
  entry->tensor = tensor;
  entry->file = g_strdup (checkpoint->file);
  entry->path = path;
  g_ptr_array_add (checkpoint->entries, entry);
  if (name != NULL)
    add_name (checkpoint, entry);
  return TRUE;
}

gboolean
os_checkpoint_add (OsCheckpoint *checkpoint, const char *name, OsTensor *tensor,
    GError **error)
{
  GArray *path = os_checkpoint_path_new ();

  os_checkpoint_path_append (path, name, 0);
  return os_checkpoint_add_at (checkpoint, name, path, tensor, error);
}

void
os_checkpoint_add_check (OsCheckpoint *checkpoint, OsMappedFile *file,
    gsize offset, gsize size, guint32 crc, const char *record)
{
  Check check = { os_mapped_file_ref (file), offset, size, crc,
    g_strdup (checkpoint->file), g_strdup (record) };

  g_array_append_val (checkpoint->checks, check);
}

#define MODULE "module."

void
os_checkpoint_strip_module (OsCheckpoint *checkpoint)
{
  for (guint i = 0; i < checkpoint->names->len; i++) {
    if (!g_str_has_prefix (g_ptr_array_index (checkpoint->names, i), MODULE))
      return;
  }
  g_hash_table_remove_all (checkpoint->by_name);
  g_ptr_array_set_size (checkpoint->names, 0);
  for (guint i = 0; i < checkpoint->entries->len; i++) {
    OsCheckpointEntry *entry = g_ptr_array_index (checkpoint->entries, i);

    if (entry->name == NULL)
      continue;
    memmove (entry->name, entry->name + strlen (MODULE),
        strlen (entry->name) - strlen (MODULE) + 1);
    add_name (checkpoint, entry);
  }
}
