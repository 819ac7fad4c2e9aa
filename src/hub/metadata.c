/* SPDX-License-Identifier: Apache-2.0 */
/* The HEAD request of a file: huggingface_hub's get_hf_file_metadata(). */
#include "hub/metadata.h"

#include <opensora/opensora.h>
#include <string.h>

#include "hub/repo-id.h"

#define MAX_ETAG 128

void
os_hub_metadata_clear (OsHubMetadata *metadata)
{
  g_clear_pointer (&metadata->commit, g_free);
  g_clear_pointer (&metadata->etag, g_free);
  g_clear_pointer (&metadata->location, g_uri_unref);
}

/* Without W/ and quotes; NULL if it cannot be the name of a file. */
static char *
parse_etag (const char *header)
{
  g_autofree char *etag = NULL;
  gsize length;

  if (header == NULL)
    return NULL;
  header += g_str_has_prefix (header, "W/") ? 2 : 0;
  header += header[0] == '"';
  length = strlen (header);
  if (length > 0 && header[length - 1] == '"')
    length--;
  etag = g_strndup (header, length);
  if (length == 0 || length > MAX_ETAG || !g_ascii_isalnum (etag[0])
      || strspn (etag, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-") != length)
    return NULL;
  return g_steal_pointer (&etag);
}

static gint64
parse_size (const OsHubAnswer *answer)
{
  const char *value = os_hub_answer_header (answer, "X-Linked-Size");
  guint64 size;

  if (value == NULL && soup_message_get_status (answer->message) == 200)
    value = os_hub_answer_header (answer, "Content-Length");
  if (value == NULL
      || !g_ascii_string_to_unsigned (value, 10, 0, G_MAXINT64, &size, NULL))
    return -1;
  return size;
}

static GUri *
parse_location (const OsHubAnswer *answer)
{
  const char *location = os_hub_answer_header (answer, "Location");

  if (location == NULL)
    return g_uri_ref (answer->uri);
  return g_uri_parse_relative (
      answer->uri, location, SOUP_HTTP_URI_FLAGS, NULL);
}

/* FALSE if something is missing or could not be a name in the cache. */
static gboolean
parse (OsHubMetadata *metadata, const OsHubAnswer *answer)
{
  const char *linked = os_hub_answer_header (answer, "X-Linked-Etag");
  const char *scheme;

  metadata->etag =
      parse_etag (linked ? linked : os_hub_answer_header (answer, "ETag"));
  metadata->size = parse_size (answer);
  metadata->location = parse_location (answer);
  if (metadata->commit == NULL || metadata->etag == NULL
      || metadata->location == NULL
      || g_uri_get_host (metadata->location) == NULL)
    return FALSE;
  scheme = g_uri_get_scheme (metadata->location);
  return g_str_equal (scheme, "https") || g_str_equal (scheme, "http");
}

gboolean
os_hub_metadata_get (OsHubMetadata *metadata, OsHubHttp *http, const char *url,
    const char *what, gint *retry, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (GUri) uri = g_uri_parse (url, SOUP_HTTP_URI_FLAGS, NULL);
  g_autoptr (OsHubAnswer) answer =
      os_hub_http_send (http, OS_HUB_HEAD, uri, 0, cancellable, &cause);
  const char *commit;
  guint status;

  *retry = OS_HUB_NO_RETRY;
  if (answer == NULL) {
    if (g_error_matches (cause, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_NETWORK))
      *retry = 0;
    g_propagate_error (error, g_steal_pointer (&cause));
    return FALSE;
  }
  status = soup_message_get_status (answer->message);
  commit = os_hub_answer_header (answer, "X-Repo-Commit");
  if (commit != NULL && os_hub_is_commit (commit))
    metadata->commit = g_strdup (commit);
  if (status >= 400) {
    if (os_hub_answer_is_temporary (answer))
      *retry = os_hub_answer_retry_after (answer, 0);
    os_hub_answer_fail (answer, what, error);
    return FALSE;
  }
  if (parse (metadata, answer))
    return TRUE;
  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_HTTP,
      "%s: the answer of %s is not that of a hub: commit, ETag or location is "
      "missing or malformed; check the network (is there a login page?) and "
      "HF_ENDPOINT",
      what, g_uri_get_host (uri));
  return FALSE;
}
