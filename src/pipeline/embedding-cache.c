/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of prompts. A file on the disk is
 *
 *   float32 states [n_ids][width], in the byte order of the machine
 *   SHA-256 of the file's name and the states
 *
 * and its name is the SHA-256 of all that the states depend on. */
#include "pipeline/embedding-cache.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "base/staged.h"

#define FORMAT "text states 1"
#define DIGEST_SIZE 32
#define STALE 3600 /* seconds */

static const OsEmbeddingLimits default_limits = {
  .memory = 64 << 20,
  .disk = 512 << 20,
  .min_encoder = 256 << 20,
  .min_age = 2 * G_USEC_PER_SEC,
};

/* The states of one prompt. */
typedef struct {
  GBytes *ids;
  OsTensor *states;
} Entry;

struct _OsEmbeddingCache {
  char **files;
  gint64 width;
  OsEmbeddingLimits limits;
  char *identity; /* of the files when they were opened; NULL: unknown */
  char *folder;   /* NULL: nothing is kept on the disk */
  GQueue entries; /* of Entry *, the last used first */
  guint64 bytes;  /* of their states */
};

/* --- The encoder --- */

typedef struct {
  guint64 size;
  gint64 changed; /* last, real time in microseconds */
} Files;

static gboolean
add_file (GChecksum *sum, const char *path, Files *total)
{
  struct stat s;
  gint64 stamp[7];

  if (stat (path, &s) != 0)
    return FALSE;
  stamp[0] = s.st_dev;
  stamp[1] = s.st_ino;
  stamp[2] = s.st_size;
  stamp[3] = s.st_mtim.tv_sec;
  stamp[4] = s.st_mtim.tv_nsec;
  stamp[5] = s.st_ctim.tv_sec;
  stamp[6] = s.st_ctim.tv_nsec;
  g_checksum_update (sum, (const guchar *) stamp, sizeof stamp);
  total->size += s.st_size;
  total->changed = MAX (total->changed,
      s.st_ctim.tv_sec * G_USEC_PER_SEC + s.st_ctim.tv_nsec / 1000);
  return TRUE;
}

/* What the files are now, or NULL if one is gone. */
static char *
identify (const OsEmbeddingCache *self, Files *total)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  *total = (Files){ 0, 0 };
  for (char **file = self->files; *file != NULL; file++) {
    if (!add_file (sum, *file, total))
      return NULL;
  }
  return g_strdup (g_checksum_get_string (sum));
}

static gboolean
is_unchanged (const OsEmbeddingCache *self)
{
  Files total;
  g_autofree char *now = identify (self, &total);

  return now != NULL && g_strcmp0 (now, self->identity) == 0;
}

OsEmbeddingCache *
os_embedding_cache_new (
    const char *const *files, gint64 width, const OsEmbeddingLimits *limits)
{
  OsEmbeddingCache *self = g_new0 (OsEmbeddingCache, 1);
  Files total;

  self->files = g_strdupv ((char **) files);
  self->width = width;
  self->limits = limits != NULL ? *limits : default_limits;
  self->identity = identify (self, &total);
  if (self->identity != NULL && total.size >= self->limits.min_encoder
      && total.changed + self->limits.min_age <= g_get_real_time ())
    self->folder = g_build_filename (
        g_get_user_cache_dir (), "opensora", "text-states", NULL);
  g_queue_init (&self->entries);
  return self;
}

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_bytes_unref (entry->ids);
  os_tensor_unref (entry->states);
  g_free (entry);
}

void
os_embedding_cache_free (OsEmbeddingCache *self)
{
  if (self == NULL)
    return;
  g_queue_clear_full (&self->entries, entry_free);
  g_strfreev (self->files);
  g_free (self->identity);
  g_free (self->folder);
  g_free (self);
}

/* --- Memory --- */

static guint64
entry_size (const Entry *entry)
{
  return os_tensor_count (entry->states) * sizeof (float);
}

static OsTensor *
find_entry (OsEmbeddingCache *self, const gint32 *ids, guint n_ids)
{
  g_autoptr (GBytes) wanted = g_bytes_new_static (ids, n_ids * sizeof *ids);

  for (GList *link = self->entries.head; link != NULL; link = link->next) {
    const Entry *entry = link->data;

    if (g_bytes_equal (entry->ids, wanted)) {
      g_queue_unlink (&self->entries, link);
      g_queue_push_head_link (&self->entries, link);
      return os_tensor_ref (entry->states);
    }
  }
  return NULL;
}

static void
add_entry (OsEmbeddingCache *self, const gint32 *ids, guint n_ids,
    const OsTensor *states)
{
  Entry *entry = g_new (Entry, 1);

  entry->ids = g_bytes_new (ids, n_ids * sizeof *ids);
  entry->states = os_tensor_ref (states);
  g_queue_push_head (&self->entries, entry);
  self->bytes += entry_size (entry);
  while (self->bytes > self->limits.memory) {
    Entry *oldest = g_queue_pop_tail (&self->entries);

    self->bytes -= entry_size (oldest);
    entry_free (oldest);
  }
}

/* --- Disk --- */

/* The name of a prompt's file. */
static char *
get_name (const OsEmbeddingCache *self, const OsCompute *compute,
    const gint32 *ids, guint n_ids)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree char *how = g_strdup_printf (FORMAT
      "\n%s\n%d\n%s\n%s\n%s\n%" G_GINT64_FORMAT "\n",
      OPENSORA_VERSION_STRING, G_BYTE_ORDER, os_compute_get_backend (compute),
      os_compute_get_kernels (compute), self->identity, self->width);

  g_checksum_update (sum, (const guchar *) how, -1);
  g_checksum_update (sum, (const guchar *) ids, n_ids * sizeof *ids);
  return g_strdup (g_checksum_get_string (sum));
}

static void
get_digest (const char *name, const float *states, gsize size,
    guint8 digest[DIGEST_SIZE])
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize length = DIGEST_SIZE;

  g_checksum_update (sum, (const guchar *) name, -1);
  g_checksum_update (sum, (const guchar *) states, size);
  g_checksum_get_digest (sum, digest, &length);
}

/* Bytes of n states, or 0 if that is more than can be kept. */
static gsize
get_size (const OsEmbeddingCache *self, guint n)
{
  gint64 size;

  if (!os_size_mul (n, self->width, &size)
      || !os_size_mul (size, sizeof (float), &size)
      || (guint64) size > self->limits.disk)
    return 0;
  return size;
}

/* All of an open file, which has this size. */
static gboolean
read_exactly (int fd, gpointer data, gsize size)
{
  struct stat s;
  gsize done = 0;

  if (fstat (fd, &s) != 0 || !S_ISREG (s.st_mode) || s.st_size != size)
    return FALSE;
  while (done < size) {
    gssize n = read (fd, (char *) data + done, size - done);

    if (n == 0 || (n < 0 && errno != EINTR))
      return FALSE;
    done += MAX (n, 0);
  }
  return TRUE;
}

/* A file that is damaged is removed. */
static OsTensor *
load (const OsEmbeddingCache *self, OsCompute *compute, const gint32 *ids,
    guint n_ids)
{
  g_autofree char *name = get_name (self, compute, ids, n_ids);
  g_autofree char *path = g_build_filename (self->folder, name, NULL);
  const gsize size = get_size (self, n_ids);
  g_autofree float *states = g_try_malloc (size + DIGEST_SIZE);
  guint8 digest[DIGEST_SIZE];
  gboolean good;
  int fd;

  if (size == 0 || states == NULL)
    return NULL;
  fd = g_open (path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0)
    return NULL;
  good = read_exactly (fd, states, size + DIGEST_SIZE);
  close (fd);
  if (good)
    get_digest (name, states, size, digest);
  if (!good
      || memcmp ((const char *) states + size, digest, DIGEST_SIZE) != 0) {
    g_info ("%s is damaged and removed", path);
    g_unlink (path);
    return NULL;
  }
  /* Files that are used are the last to be removed. */
  utimensat (AT_FDCWD, path, NULL, 0);
  return os_compute_upload (compute, states, OS_SHAPE (n_ids, self->width));
}

typedef struct {
  char *path;
  guint64 size;
  gint64 used; /* last, in nanoseconds */
} CachedFile;

static void
cached_file_clear (gpointer data)
{
  g_free (((CachedFile *) data)->path);
}

static int
compare_used (gconstpointer a, gconstpointer b)
{
  const CachedFile *x = a, *y = b;

  return (x->used > y->used) - (x->used < y->used);
}

/* Somebody's file that has not got its name yet; old ones are what a crash has
 * left. */
static gboolean
is_in_work (const char *name, const struct stat *s)
{
  return strchr (name, '.') != NULL && s->st_mtime + STALE > time (NULL);
}

static GArray *
list_files (const char *folder)
{
  GArray *files = g_array_new (FALSE, FALSE, sizeof (CachedFile));
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  g_array_set_clear_func (files, cached_file_clear);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    CachedFile file = { g_build_filename (folder, name, NULL), 0, 0 };
    struct stat s;

    if (lstat (file.path, &s) != 0 || is_in_work (name, &s)) {
      g_free (file.path);
      continue;
    }
    file.size = s.st_size;
    file.used =
        s.st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + s.st_mtim.tv_nsec;
    g_array_append_val (files, file);
  }
  return files;
}

/* Makes place for `size` bytes. */
static void
evict (const OsEmbeddingCache *self, gsize size)
{
  g_autoptr (GArray) files = list_files (self->folder);
  guint64 total = size;

  for (guint i = 0; i < files->len; i++)
    total += g_array_index (files, CachedFile, i).size;
  g_array_sort (files, compare_used);
  for (guint i = 0; i < files->len && total > self->limits.disk; i++) {
    const CachedFile *file = &g_array_index (files, CachedFile, i);

    g_unlink (file->path);
    total -= file->size;
  }
}

static gboolean
write_file (const char *path, const char *name, const float *states, gsize size,
    GError **error)
{
  g_autoptr (OsStagedFile) file = os_staged_file_new (path, error);
  guint8 digest[DIGEST_SIZE];

  get_digest (name, states, size, digest);
  return file != NULL && os_staged_file_write (file, states, size, error)
         && os_staged_file_write (file, digest, DIGEST_SIZE, error)
         && os_staged_file_sync (file, error)
         && os_staged_file_commit (file, error);
}

/* Only the user may see what was asked for. */
static void
save (const OsEmbeddingCache *self, OsCompute *compute, const gint32 *ids,
    guint n_ids, const OsTensor *tensor)
{
  g_autofree char *name = get_name (self, compute, ids, n_ids);
  g_autofree char *path = g_build_filename (self->folder, name, NULL);
  const gsize size = get_size (self, n_ids);
  g_autofree float *states = g_try_malloc (size);
  g_autoptr (GError) error = NULL;

  if (size == 0 || states == NULL
      || g_mkdir_with_parents (self->folder, 0700) != 0)
    return;
  os_compute_download (compute, tensor, states);
  evict (self, size + DIGEST_SIZE);
  if (!write_file (path, name, states, size, &error))
    g_info ("text states are not kept: %s", error->message);
}

/* --- Both --- */

OsTensor *
os_embedding_cache_lookup (
    OsEmbeddingCache *self, OsCompute *compute, const gint32 *ids, guint n_ids)
{
  g_autoptr (OsTensor) states = NULL;

  if (!os_compute_ok (compute) || !is_unchanged (self))
    return NULL;
  states = find_entry (self, ids, n_ids);
  if (states != NULL || self->folder == NULL)
    return g_steal_pointer (&states);
  states = load (self, compute, ids, n_ids);
  if (states != NULL && os_compute_ok (compute))
    add_entry (self, ids, n_ids, states);
  return g_steal_pointer (&states);
}

void
os_embedding_cache_store (OsEmbeddingCache *self, OsCompute *compute,
    const gint32 *ids, guint n_ids, const OsTensor *states)
{
  if (!os_compute_ok (compute) || !is_unchanged (self))
    return;
  add_entry (self, ids, n_ids, states);
  if (self->folder != NULL)
    save (self, compute, ids, n_ids, states);
}
