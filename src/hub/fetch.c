/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which huggingface_hub's hf_hub_download() decides, but for three
 * things: every byte is verified, the ref is written last, and a damaged answer
 * falls back to the cache as a lost connection does. */
#include "hub/fetch.h"

#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/error.h"
#include "hub/lock.h"
#include "hub/repo-id.h"

char *
os_hub_request_what (const OsHubRequest *request, const char *file)
{
  return g_strdup_printf ("%s@%s: %s", request->repo, request->revision, file);
}

void
os_hub_request_fail_local (
    const OsHubRequest *request, const char *file, GError **error)
{
  g_set_error (error, OPENSORA_HUB_ERROR,
      OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND,
      "%s@%s: %s is not in the cache folder %s, and the hub is not asked; "
      "allow downloads (HF_HUB_OFFLINE, local-files-only) or download it "
      "before",
      request->repo, request->revision, file ? file : "this revision",
      request->cache->root);
}

gboolean
os_hub_may_fall_back (const GError *error)
{
  return error->domain == OPENSORA_HUB_ERROR
         && error->code != OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND
         && error->code != OPENSORA_HUB_ERROR_REVISION_NOT_FOUND;
}

gboolean
os_hub_wait_for_repeat (
    guint repeat, gint retry, const OsTask *task, GError **error)
{
  static const guint seconds[OS_HUB_MAX_REPEATS] = { 0, 1, 2, 4, 8, 8 };

  return os_hub_wait ((retry > 0 ? (guint) retry : seconds[repeat]) * 1000,
      os_task_get_cancellable (task), error);
}

/* Asks once; notes a file that does not exist. */
static gboolean
ask (const OsHubRequest *request, const char *file, OsHubMetadata *metadata,
    gint *retry, GError **error)
{
  g_autofree char *url = os_hub_file_url (
      request->environment->endpoint, request->repo, request->revision, file);
  g_autofree char *what = os_hub_request_what (request, file);
  g_autoptr (GError) cause = NULL;

  os_hub_metadata_clear (metadata);
  if (os_hub_metadata_get (metadata, request->http, url, what, retry,
          os_task_get_cancellable (request->task), &cause))
    return TRUE;
  if (metadata->commit != NULL
      && g_error_matches (
          cause, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND)) {
    os_hub_cache_note_missing (request->cache, metadata->commit, file);
    os_hub_cache_set_commit (
        request->cache, request->revision, metadata->commit);
  }
  g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

/* A user who has the file must not wait: *cached is its path when the first
 * question fails. Who has it not waits for the repeats. */
static gboolean
ask_or_find (const OsHubRequest *request, const char *file,
    OsHubMetadata *metadata, char **cached, GError **error)
{
  for (guint repeat = 0;; repeat++) {
    g_autoptr (GError) cause = NULL;
    gint retry;

    if (ask (request, file, metadata, &retry, &cause))
      return TRUE;
    if (repeat == 0 && cached != NULL && os_hub_may_fall_back (cause)
        && (*cached =
                   os_hub_cache_find (request->cache, request->revision, file))
               != NULL)
      return FALSE;
    if (retry == OS_HUB_NO_RETRY || repeat == OS_HUB_MAX_REPEATS) {
      g_propagate_error (error, g_steal_pointer (&cause));
      return FALSE;
    }
    if (!os_hub_wait_for_repeat (repeat, retry, request->task, error))
      return FALSE;
  }
}

gboolean
os_hub_request_metadata (const OsHubRequest *request, const char *file,
    OsHubMetadata *metadata, GError **error)
{
  return ask_or_find (request, file, metadata, NULL, error);
}

/* Is there a file of this size (-1: any)? */
static gboolean
has_size (const char *path, gint64 size)
{
  struct stat status;

  return stat (path, &status) == 0 && S_ISREG (status.st_mode)
         && (size < 0 || status.st_size == size);
}

/* Under the lock, if there are locks. */
static gboolean
download_locked (const OsHubRequest *request, const char *file,
    OsHubMetadata *metadata, gboolean locked, GError **error)
{
  g_autofree char *path =
      os_hub_cache_path (request->cache, metadata->commit, file);
  g_autofree char *blob = os_hub_cache_blob (request->cache, metadata->etag);
  g_autofree char *url = os_hub_file_url (
      request->environment->endpoint, request->repo, request->revision, file);
  g_autofree char *what = os_hub_request_what (request, file);
  g_autofree char *partial =
      locked ? g_strconcat (blob, ".incomplete", NULL)
             : g_strdup_printf ("%s.%08x.incomplete", blob, g_random_int ());
  OsHubSource source = { request->http, url, what, request->task,
    request->before, request->total };
  gboolean fresh = FALSE;

  if (has_size (path, metadata->size))
    return TRUE; /* another process was faster */
  if (!has_size (blob, metadata->size)) {
    if (!os_hub_download (&source, metadata, partial, blob, error)) {
      if (!locked)
        g_unlink (partial); /* nobody will know its name */
      return FALSE;
    }
    fresh = TRUE;
  }
  return os_hub_cache_publish (
      request->cache, metadata->commit, file, metadata->etag, fresh, error);
}

static gboolean
download (const OsHubRequest *request, const char *file,
    OsHubMetadata *metadata, GError **error)
{
  g_autofree char *lock_path =
      os_hub_cache_lock_path (request->cache, metadata->etag);
  gboolean locked, done;
  int lock;

  if (!os_hub_cache_prepare (request->cache, error))
    return FALSE;
  lock = os_hub_lock (
      lock_path, &locked, os_task_get_cancellable (request->task), error);
  if (lock < 0)
    return FALSE;
  done = download_locked (request, file, metadata, locked, error);
  close (lock);
  return done;
}

/* Makes the file of the metadata present. */
static char *
obtain (const OsHubRequest *request, const char *file, OsHubMetadata *metadata,
    GError **error)
{
  g_autofree char *path =
      os_hub_cache_path (request->cache, metadata->commit, file);

  if (!has_size (path, metadata->size)
      && !download (request, file, metadata, error))
    return NULL;
  os_hub_cache_set_commit (request->cache, request->revision, metadata->commit);
  return g_steal_pointer (&path);
}

char *
os_hub_fetch (const OsHubRequest *request, const char *file, GError **error)
{
  g_auto (OsHubMetadata) metadata = { 0 };
  g_autoptr (GError) cause = NULL;
  char *path = NULL;

  if (os_hub_is_commit (request->revision) || request->http == NULL)
    path = os_hub_cache_find (request->cache, request->revision, file);
  if (path != NULL)
    return path;
  if (request->http == NULL) {
    os_hub_request_fail_local (request, file, error);
    return NULL;
  }
  if (!ask_or_find (request, file, &metadata, &path, error))
    return path;
  path = obtain (request, file, &metadata, &cause);
  /* A file may be replaced between the two requests: asks once more. */
  if (g_error_matches (
          cause, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INTEGRITY)) {
    g_clear_error (&cause);
    if (!os_hub_request_metadata (request, file, &metadata, error))
      return NULL;
    path = obtain (request, file, &metadata, &cause);
  }
  if (path == NULL)
    g_propagate_error (error, g_steal_pointer (&cause));
  return path;
}
