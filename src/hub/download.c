/* SPDX-License-Identifier: Apache-2.0 */
/* Downloading a content. What the server does wrong costs an attempt; only a
 * series of attempts without a new byte ends the download. */
#include "hub/download.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "hub/error.h"
#include "hub/hash-thread.h"
#include "hub/repo-id.h"

#define MAX_IDLE 5 /* attempts in a row that bring nothing */
#define MAX_RENEWALS 2
#define WRITE_BACK (16 << 20)

typedef enum {
  COMPLETE,
  AGAIN, /* the error says why, in case that it was the last attempt */
  FAILED,
} Outcome;

typedef struct {
  const OsHubSource *source;
  OsHubMetadata *metadata;
  const char *partial;
  int fd;
  gint64 done;     /* bytes in the file */
  gint64 best;     /* the most that ever were */
  OsHubHash *hash; /* of them; NULL: at the end, when the size is known */
  guint idle;
  guint wait; /* seconds before the next attempt */
  guint renewals;
  gint64 written_back; /* bytes that are on their way to the disk */
} Transfer;

void
os_hub_source_progress (const OsHubSource *source, guint64 done, gint64 size)
{
  guint64 total = source->total > 0 ? source->total : MAX (size, 0);

  if (total > 0)
    os_task_progress (source->task, OPENSORA_STAGE_DOWNLOAD,
        MIN (source->before + done, total), total);
}

/* --- The partial file --- */

static void
begin_hash (Transfer *t)
{
  const OsHubMetadata *metadata = t->metadata;

  g_clear_pointer (&t->hash, os_hub_hash_free);
  if (metadata->size >= 0)
    t->hash = os_hub_hash_new (metadata->etag, metadata->size);
}

/* Forgets what is there. */
static gboolean
restart (Transfer *t, GError **error)
{
  if (ftruncate (t->fd, 0) != 0 || lseek (t->fd, 0, SEEK_SET) != 0)
    return os_hub_fail_io (error, t->partial, "written");
  t->done = 0;
  t->written_back = 0;
  begin_hash (t);
  return TRUE;
}

static gboolean
open_partial (Transfer *t, GError **error)
{
  gint64 size = t->metadata->size;

  t->fd = open (t->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (t->fd < 0)
    return os_hub_fail_io (error, t->partial, "opened");
  t->done = lseek (t->fd, 0, SEEK_END);
  if (t->done < 0 || lseek (t->fd, 0, SEEK_SET) != 0)
    return os_hub_fail_io (error, t->partial, "read");
  if (size >= 0 && t->done > size && !restart (t, error))
    return FALSE;
  t->best = t->done;
  begin_hash (t);
  if (t->hash == NULL)
    return lseek (t->fd, 0, SEEK_END) == t->done
           || os_hub_fail_io (error, t->partial, "read");
  return os_hub_hash_read (t->hash, t->fd, t->done, t->partial,
      os_task_get_cancellable (t->source->task), error);
}

static gboolean
append (Transfer *t, const char *data, gsize size, GError **error)
{
  while (size > 0) {
    gssize written = write (t->fd, data, size);

    if (written < 0 && errno != EINTR)
      return os_hub_fail_io (error, t->partial, "written");
    if (written > 0) {
      data += written;
      size -= written;
      t->done += written;
    }
  }
  /* The disk works meanwhile, and the fsync() at the end has little to do. */
  if (t->done - t->written_back >= WRITE_BACK) {
    sync_file_range (t->fd, t->written_back, t->done - t->written_back,
        SYNC_FILE_RANGE_WRITE);
    t->written_back = t->done;
  }
  return TRUE;
}

static gboolean
check_space (const Transfer *t, GError **error)
{
  guint64 needed = t->metadata->size - t->done;
  g_autofree char *folder = g_path_get_dirname (t->partial);
  g_autofree char *needed_text = g_format_size (needed);
  g_autofree char *free_text = NULL;
  struct statvfs status;
  guint64 available;

  if (t->metadata->size < 0 || statvfs (folder, &status) != 0
      || __builtin_mul_overflow (
          (guint64) status.f_bavail, (guint64) status.f_frsize, &available)
      || needed <= available)
    return TRUE;
  free_text = g_format_size (available);
  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_NO_SPACE,
      "%s: %s (%" G_GUINT64_FORMAT " bytes) are still to come, and %s has %s "
      "(%" G_GUINT64_FORMAT " bytes) free; make room, or choose another cache "
      "folder with HF_HUB_CACHE",
      t->source->what, needed_text, needed, folder, free_text, available);
  return FALSE;
}

static gboolean
fail_size (const Transfer *t, const char *found, GError **error)
{
  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INTEGRITY,
      "%s: %s, and %" G_GINT64_FORMAT " bytes were announced; the server or a "
      "proxy changes the file",
      t->source->what, found, t->metadata->size);
  return FALSE;
}

static gboolean
verify (Transfer *t, GError **error)
{
  const char *etag = t->metadata->etag;
  GCancellable *cancellable = os_task_get_cancellable (t->source->task);
  g_autofree char *digest = NULL;

  if (t->hash == NULL && (t->hash = os_hub_hash_new (etag, t->done)) != NULL) {
    if (lseek (t->fd, 0, SEEK_SET) != 0)
      return os_hub_fail_io (error, t->partial, "read");
    if (!os_hub_hash_read (
            t->hash, t->fd, t->done, t->partial, cancellable, error))
      return FALSE;
  }
  if (t->hash == NULL) /* a mirror's own etag: the size must do */
    return TRUE;
  digest = os_hub_hash_finish (t->hash);
  if (g_str_equal (digest, etag))
    return TRUE;
  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INTEGRITY,
      "%s: the hash of the %" G_GINT64_FORMAT " bytes received is %s, and %s "
      "was announced; the server or a proxy changes the file",
      t->source->what, t->done, digest, etag);
  return FALSE;
}

/* --- Attempts --- */

static Outcome
receive (Transfer *t, const OsHubAnswer *answer, GError **error)
{
  gint64 *size = &t->metadata->size;
  GCancellable *cancellable = os_task_get_cancellable (t->source->task);
  g_autoptr (OsHubHashThread) hasher = os_hub_hash_thread_new (t->hash);

  t->wait = 1;
  for (;;) {
    g_autoptr (GError) cause = NULL;
    char *block = os_hub_hash_thread_get_block (hasher);
    gssize n;

    if (!os_task_check (t->source->task, error))
      return FAILED; /* what is buffered is read without a look at it */
    n = g_input_stream_read (
        answer->body, block, OS_HUB_BLOCK, cancellable, &cause);
    if (n < 0) {
      os_hub_http_fail (answer->uri, cause, error);
      return g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED) ? FAILED
                                                                       : AGAIN;
    }
    if (n == 0)
      break;
    if (*size >= 0 && n > *size - t->done) {
      fail_size (t, "more bytes came", error);
      return FAILED;
    }
    if (!append (t, block, n, error))
      return FAILED;
    os_hub_hash_thread_push (hasher, n);
    os_hub_source_progress (t->source, t->done, *size);
  }
  if (*size < 0)
    *size = t->done;
  if (t->done == *size)
    return COMPLETE;
  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_NETWORK,
      "%s: the server stopped after %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
      " bytes; run this again to continue",
      t->source->what, t->done, *size);
  return AGAIN;
}

/* The signed address has expired: asks for another. */
static Outcome
renew (Transfer *t, const OsHubAnswer *answer, GError **error)
{
  g_auto (OsHubMetadata) fresh = { 0 };
  gint retry;

  if (t->renewals++ == MAX_RENEWALS) {
    os_hub_answer_fail (answer, t->source->what, error);
    return FAILED;
  }
  if (!os_hub_metadata_get (&fresh, t->source->http, t->source->url,
          t->source->what, &retry, os_task_get_cancellable (t->source->task),
          error))
    return retry == OS_HUB_NO_RETRY ? FAILED : AGAIN;
  if (g_strcmp0 (fresh.etag, t->metadata->etag) != 0) {
    g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INTEGRITY,
        "%s: the file was replaced while it was downloaded", t->source->what);
    return FAILED;
  }
  g_uri_unref (t->metadata->location);
  t->metadata->location = g_uri_ref (fresh.location);
  t->wait = 0;
  os_hub_answer_fail (answer, t->source->what, error);
  return AGAIN;
}

/* The rest that a 206 brings must be the one that was asked for. */
static gboolean
continues (const Transfer *t, const OsHubAnswer *answer)
{
  goffset start, end, total;

  return soup_message_headers_get_content_range (
             soup_message_get_response_headers (answer->message), &start, &end,
             &total)
         && start == t->done
         && (total < 0 || t->metadata->size < 0 || total == t->metadata->size);
}

/* Nothing can follow what is there: starts again, unless the server says that
 * the whole has another size. */
static Outcome
refuse_range (Transfer *t, const OsHubAnswer *answer, GError **error)
{
  const char *range = os_hub_answer_header (answer, "Content-Range");
  guint64 total;

  if (soup_message_get_status (answer->message) == 416 && range != NULL
      && g_str_has_prefix (range, "bytes */")
      && g_ascii_string_to_unsigned (
          range + strlen ("bytes */"), 10, 0, G_MAXINT64, &total, NULL)
      && t->metadata->size >= 0 && (gint64) total != t->metadata->size) {
    fail_size (t, "the server has another number of bytes", error);
    return FAILED;
  }
  if (!restart (t, error))
    return FAILED;
  t->wait = 0;
  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_HTTP,
      "%s: the server does not continue a file where it is asked to",
      t->source->what);
  return AGAIN;
}

static Outcome
handle (Transfer *t, const OsHubAnswer *answer, GError **error)
{
  static const guint backoff[MAX_IDLE] = { 1, 2, 4, 8, 8 };
  guint status = soup_message_get_status (answer->message);

  if (os_hub_answer_is_temporary (answer)) {
    t->wait = os_hub_answer_retry_after (
        answer, backoff[MIN (t->idle, MAX_IDLE - 1)]);
    os_hub_answer_fail (answer, t->source->what, error);
    return AGAIN;
  }
  if ((status == 401 || status == 403 || status == 404 || status == 410)
      && !os_hub_http_is_own (t->source->http, answer->uri))
    return renew (t, answer, error);
  if (status == 416 || (status == 206 && !continues (t, answer)))
    return refuse_range (t, answer, error);
  if (status != 200 && status != 206) {
    os_hub_answer_fail (answer, t->source->what, error);
    return FAILED;
  }
  if (status == 200 && t->done > 0 && !restart (t, error))
    return FAILED;
  return receive (t, answer, error);
}

static Outcome
attempt (Transfer *t, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (OsHubAnswer) answer = NULL;
  gboolean lost;

  if (!check_space (t, error))
    return FAILED;
  answer = os_hub_http_send (t->source->http, OS_HUB_GET, t->metadata->location,
      t->done, os_task_get_cancellable (t->source->task), &cause);
  if (answer != NULL)
    return handle (t, answer, error);
  t->wait = 1;
  lost =
      g_error_matches (cause, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_NETWORK);
  g_propagate_error (error, g_steal_pointer (&cause));
  return lost ? AGAIN : FAILED;
}

static gboolean
transfer (Transfer *t, GError **error)
{
  while (t->done != t->metadata->size) {
    g_autoptr (GError) cause = NULL;
    Outcome outcome = attempt (t, &cause);

    if (outcome == COMPLETE)
      return TRUE;
    t->idle = t->done > t->best ? 0 : t->idle + 1;
    t->best = MAX (t->best, t->done);
    if (t->done == t->metadata->size)
      return TRUE;
    if (outcome == FAILED || t->idle == MAX_IDLE) {
      g_propagate_error (error, g_steal_pointer (&cause));
      return FALSE;
    }
    if (!os_hub_wait (
            t->wait * 1000, os_task_get_cancellable (t->source->task), error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
finish (Transfer *t, const char *blob, GError **error)
{
  return (fsync (t->fd) == 0 && g_rename (t->partial, blob) == 0)
         || os_hub_fail_io (error, blob, "written");
}

gboolean
os_hub_download (const OsHubSource *source, OsHubMetadata *metadata,
    const char *partial, const char *blob, GError **error)
{
  Transfer t = { source, metadata, partial, -1 };
  g_autoptr (GError) cause = NULL;
  gboolean done;

  done = open_partial (&t, &cause) && transfer (&t, &cause)
         && verify (&t, &cause) && finish (&t, blob, &cause);
  if (t.fd >= 0) {
    if (!done
        && (t.done == 0
            || g_error_matches (
                cause, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INTEGRITY)))
      g_unlink (partial);
    close (t.fd);
  }
  os_hub_hash_free (t.hash);
  if (!done)
    g_propagate_error (error, g_steal_pointer (&cause));
  return done;
}
