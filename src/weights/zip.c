/* SPDX-License-Identifier: Apache-2.0 */
/* APPNOTE.TXT of PKWARE, the part that stored records need. Sizes, checksums
 * and offsets come from the central directory alone: PyTorch's local headers
 * have zeros there. Local headers are looked at to find where the data begin,
 * and have to agree in name.
 *
 * An archive in which two readers could see different contents is refused:
 * records that overlap or share a name, a directory that does not end where
 * the end record says. */
#include "weights/zip.h"

#include <opensora/opensora.h>
#include <string.h>

#include "base/size.h"

#define LOCAL_SIGNATURE 0x04034b50u
#define ENTRY_SIGNATURE 0x02014b50u
#define END_SIGNATURE 0x06054b50u
#define END64_SIGNATURE 0x06064b50u
#define LOCATOR_SIGNATURE 0x07064b50u

#define LOCAL_SIZE 30
#define ENTRY_SIZE 46
#define END_SIZE 22
#define END64_SIZE 56
#define LOCATOR_SIZE 20

#define MAX_COMMENT 0xffff
/* A bound on memory, far above any checkpoint. */
#define MAX_RECORDS (1 << 18)
#define MAX_DIRECTORY (64 << 20)
#define ENCRYPTED 1u
#define ZIP64_EXTRA 1
#define IN_ZIP64 0xffffffffu

struct _OsZip {
  GArray *records;     /* of OsZipRecord */
  GHashTable *by_name; /* char * -> index + 1 */
};

typedef struct {
  const guint8 *data;
  gint64 size;
  const char *origin;
  /* The central directory. */
  gint64 n_entries;
  gint64 start;
  gint64 end;
} Reader;

/* An entry of the directory. */
typedef struct {
  guint flags;
  guint method;
  guint32 crc;
  guint64 compressed;
  guint64 size;
  guint64 local;
  const guint8 *name;
  guint name_length;
} Entry;

static guint
read_u16 (const guint8 *at)
{
  return at[0] | at[1] << 8;
}

static guint32
read_u32 (const guint8 *at)
{
  return read_u16 (at) | (guint32) read_u16 (at + 2) << 16;
}

static guint64
read_u64 (const guint8 *at)
{
  return read_u32 (at) | (guint64) read_u32 (at + 4) << 32;
}

G_GNUC_PRINTF (3, 4)
static gboolean
fail (const Reader *reader, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "%s: damaged zip archive: %s; download or copy the file again",
      reader->origin, text);
  return FALSE;
}

/* The end record is the last one whose comment reaches to the end of the file;
 * -1 if there is none. */
static gint64
find_end (const Reader *reader)
{
  gint64 last = reader->size - END_SIZE;

  for (gint64 at = last; at >= MAX (last - MAX_COMMENT, 0); at--) {
    if (read_u32 (reader->data + at) == END_SIGNATURE
        && read_u16 (reader->data + at + 20) == last - at)
      return at;
  }
  return -1;
}

/* The numbers of the zip64 end record, which a locator in front of the end
 * record at `end` leads to. */
static gboolean
read_end64 (Reader *reader, gint64 end, guint64 *n_entries, guint64 *length,
    guint64 *start, gint64 *directory_end, GError **error)
{
  gint64 locator = end - LOCATOR_SIZE;
  const guint8 *record;
  guint64 at;

  if (locator < 0 || read_u32 (reader->data + locator) != LOCATOR_SIGNATURE)
    return TRUE;
  at = read_u64 (reader->data + locator + 8);
  if (locator < END64_SIZE || at > (guint64) locator - END64_SIZE
      || read_u32 (reader->data + at) != END64_SIGNATURE)
    return fail (reader, error, "no zip64 end record where one should be");
  record = reader->data + at;
  if (read_u32 (record + 16) != 0 || read_u32 (record + 20) != 0
      || read_u64 (record + 24) != read_u64 (record + 32))
    return fail (reader, error, "a part of an archive in several files");
  *n_entries = read_u64 (record + 32);
  *length = read_u64 (record + 40);
  *start = read_u64 (record + 48);
  *directory_end = at;
  return TRUE;
}

static gboolean
find_directory (Reader *reader, GError **error)
{
  gint64 end = find_end (reader);
  gint64 limit = end;
  guint64 n_entries, length, start;

  if (end < 0)
    return fail (reader, error, "its end is missing: it is incomplete");
  if (read_u32 (reader->data + end + 4) != 0
      || read_u16 (reader->data + end + 8)
             != read_u16 (reader->data + end + 10))
    return fail (reader, error, "a part of an archive in several files");
  n_entries = read_u16 (reader->data + end + 10);
  length = read_u32 (reader->data + end + 12);
  start = read_u32 (reader->data + end + 16);
  if (!read_end64 (reader, end, &n_entries, &length, &start, &limit, error))
    return FALSE;
  if (start > (guint64) limit || length != (guint64) limit - start
      || n_entries > length / ENTRY_SIZE)
    return fail (reader, error, "its directory is not in the file");
  if (n_entries > MAX_RECORDS || length > MAX_DIRECTORY)
    return fail (reader, error, "its directory has too many records");
  reader->n_entries = n_entries;
  reader->start = start;
  reader->end = limit;
  return TRUE;
}

/* Fields of the entry that did not fit into 32 bits follow each other in an
 * extra field. */
static gboolean
read_zip64 (Entry *entry, const guint8 *extra, gint64 length)
{
  guint64 *const fields[] = { &entry->size, &entry->compressed, &entry->local };
  gint64 used = 0;

  while (length >= 4 && read_u16 (extra) != ZIP64_EXTRA) {
    gint64 skip = 4 + read_u16 (extra + 2);
    if (skip > length)
      return FALSE;
    extra += skip;
    length -= skip;
  }
  if (length >= 4)
    length = MIN (length - 4, (gint64) read_u16 (extra + 2));
  else
    length = 0;
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++) {
    if (*fields[i] != IN_ZIP64)
      continue;
    if (used + 8 > length)
      return FALSE;
    *fields[i] = read_u64 (extra + 4 + used);
    used += 8;
  }
  return TRUE;
}

/* The entry at *at, which moves behind it. */
static gboolean
read_entry (const Reader *reader, gint64 *at, Entry *entry, GError **error)
{
  const guint8 *bytes = reader->data + *at;
  gint64 left = reader->end - *at - ENTRY_SIZE;
  guint extra_length;

  if (left < 0 || read_u32 (bytes) != ENTRY_SIGNATURE)
    return fail (reader, error, "its directory has fewer entries than it says");
  entry->flags = read_u16 (bytes + 8);
  entry->method = read_u16 (bytes + 10);
  entry->crc = read_u32 (bytes + 16);
  entry->compressed = read_u32 (bytes + 20);
  entry->size = read_u32 (bytes + 24);
  entry->name_length = read_u16 (bytes + 28);
  extra_length = read_u16 (bytes + 30);
  entry->local = read_u32 (bytes + 42);
  entry->name = bytes + ENTRY_SIZE;
  left -= (gint64) entry->name_length + extra_length + read_u16 (bytes + 32);
  if (left < 0
      || !read_zip64 (entry, entry->name + entry->name_length, extra_length))
    return fail (reader, error, "an entry of its directory is cut off");
  *at = reader->end - left;
  return TRUE;
}

static gboolean
has_parent_step (const char *name)
{
  for (const char *at = strstr (name, ".."); at; at = strstr (at + 1, "..")) {
    if ((at == name || at[-1] == '/') && (at[2] == '/' || at[2] == '\0'))
      return TRUE;
  }
  return FALSE;
}

/* Nothing is ever unpacked; still, a name that leads out of a folder has no
 * honest use. */
static gboolean
is_safe_name (const char *name, gsize length)
{
  return length > 0 && *name != '/' && strchr (name, '\\') == NULL
         && g_utf8_validate_len (name, length, NULL) && !has_parent_step (name);
}

static gboolean
check_entry (
    const Reader *reader, const Entry *entry, const char *name, GError **error)
{
  if (!is_safe_name (name, entry->name_length)) {
    g_autofree char *shown = g_utf8_make_valid (name, -1);
    return fail (reader, error, "record name \"%s\" is not allowed", shown);
  }
  if (entry->flags & ENCRYPTED)
    return fail (reader, error, "record %s is encrypted", name);
  if (entry->method == 0 && entry->compressed != entry->size)
    return fail (reader, error, "record %s has two sizes", name);
  return TRUE;
}

/* NULL if there is none; in front of the directory if there is. */
static const guint8 *
find_local_header (const Reader *reader, const Entry *entry)
{
  gint64 last = reader->start - LOCAL_SIZE;

  if (last < 0 || entry->local > (guint64) last
      || read_u32 (reader->data + entry->local) != LOCAL_SIGNATURE)
    return NULL;
  return reader->data + entry->local;
}

/* Where the data of the entry begin: behind the local header. */
static gboolean
locate (const Reader *reader, const Entry *entry, OsZipRecord *record,
    GError **error)
{
  const guint8 *local = find_local_header (reader, entry);
  gint64 room = reader->start - LOCAL_SIZE;

  if (local == NULL)
    return fail (
        reader, error, "record %s is not where it should be", record->name);
  room -= entry->local + read_u16 (local + 26) + read_u16 (local + 28);
  if (room < 0 || entry->compressed > (guint64) room)
    return fail (reader, error, "record %s reaches out of it", record->name);
  if (read_u16 (local + 26) != entry->name_length
      || memcmp (local + LOCAL_SIZE, entry->name, entry->name_length) != 0)
    return fail (reader, error, "record %s has two names", record->name);
  record->offset = reader->start - room;
  record->size = entry->compressed;
  record->crc = entry->crc;
  record->compressed = entry->method != 0;
  return TRUE;
}

static gboolean
add_record (
    const Reader *reader, OsZip *zip, const Entry *entry, GError **error)
{
  OsZipRecord record = { g_strndup (
      (const char *) entry->name, entry->name_length) };

  /* From here on it belongs to the array. */
  g_array_append_val (zip->records, record);
  if (!check_entry (reader, entry, record.name, error)
      || !locate (reader, entry,
          &g_array_index (zip->records, OsZipRecord, zip->records->len - 1),
          error))
    return FALSE;
  if (!g_hash_table_insert (
          zip->by_name, record.name, GUINT_TO_POINTER (zip->records->len)))
    return fail (reader, error, "record %s is there twice", record.name);
  return TRUE;
}

static int
compare_offsets (gconstpointer a, gconstpointer b)
{
  const OsZipRecord *x = a;
  const OsZipRecord *y = b;

  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Between the data of two records there is at least a local header. */
static gboolean
check_overlaps (const Reader *reader, const OsZip *zip, GError **error)
{
  g_autoptr (GArray) sorted =
      g_array_sized_new (FALSE, FALSE, sizeof (OsZipRecord), zip->records->len);
  gint64 end = 0;

  g_array_append_vals (sorted, zip->records->data, zip->records->len);
  g_array_sort (sorted, compare_offsets);
  for (guint i = 0; i < sorted->len; i++) {
    const OsZipRecord *record = &g_array_index (sorted, OsZipRecord, i);
    gint64 header = LOCAL_SIZE + (gint64) strlen (record->name);

    if (record->offset - end < header)
      return fail (reader, error, "record %s overlaps another", record->name);
    end = record->offset + record->size;
  }
  return TRUE;
}

static gboolean
read_directory (const Reader *reader, OsZip *zip, GError **error)
{
  gint64 at = reader->start;

  for (gint64 i = 0; i < reader->n_entries; i++) {
    Entry entry = { 0 };

    if (!read_entry (reader, &at, &entry, error)
        || !add_record (reader, zip, &entry, error))
      return FALSE;
  }
  if (at != reader->end)
    return fail (reader, error, "its directory has more entries than it says");
  return check_overlaps (reader, zip, error);
}

static void
clear_record (gpointer data)
{
  OsZipRecord *record = data;

  g_free (record->name);
}

OsZip *
os_zip_open (
    const guint8 *data, gint64 size, const char *origin, GError **error)
{
  g_autoptr (OsZip) zip = g_new0 (OsZip, 1);
  Reader reader = { data, size, origin };

  zip->records = g_array_new (FALSE, FALSE, sizeof (OsZipRecord));
  g_array_set_clear_func (zip->records, clear_record);
  zip->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  if (!find_directory (&reader, error) || !read_directory (&reader, zip, error))
    return NULL;
  return g_steal_pointer (&zip);
}

void
os_zip_free (OsZip *zip)
{
  g_hash_table_unref (zip->by_name);
  g_array_unref (zip->records);
  g_free (zip);
}

guint
os_zip_get_n_records (const OsZip *zip)
{
  return zip->records->len;
}

const OsZipRecord *
os_zip_get_record (const OsZip *zip, guint index)
{
  g_return_val_if_fail (index < zip->records->len, NULL);
  return &g_array_index (zip->records, OsZipRecord, index);
}

const OsZipRecord *
os_zip_find (const OsZip *zip, const char *name)
{
  guint number = GPOINTER_TO_UINT (g_hash_table_lookup (zip->by_name, name));

  return number > 0 ? os_zip_get_record (zip, number - 1) : NULL;
}
