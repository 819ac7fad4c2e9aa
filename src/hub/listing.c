/* SPDX-License-Identifier: Apache-2.0 */
/* The description of a revision: GET /api/models/<repo>/revision/<revision>,
 * {"sha": commit, "siblings": [{"rfilename": name, "size": bytes}, ...]}. */
#include "hub/listing.h"

#include <opensora/opensora.h>
#include <sys/stat.h>

#include "hub/repo-id.h"
#include "base/json.h"

#define MAX_ANSWER (64 << 20)
#define CHUNK (64 << 10)

static OsHubListing *
listing_new (const char *commit, char **names)
{
  OsHubListing *listing = g_new (OsHubListing, 1);

  listing->commit = g_strdup (commit);
  listing->names = names;
  listing->sizes =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return listing;
}

void
os_hub_listing_free (OsHubListing *listing)
{
  g_free (listing->commit);
  g_strfreev (listing->names);
  g_hash_table_unref (listing->sizes);
  g_free (listing);
}

gboolean
os_hub_listing_has (const OsHubListing *listing, const char *name)
{
  return g_strv_contains ((const char *const *) listing->names, name);
}

guint64
os_hub_listing_size (const OsHubListing *listing, const char *name)
{
  const gint64 *size = g_hash_table_lookup (listing->sizes, name);

  return size != NULL ? *size : 0;
}

OsHubListing *
os_hub_listing_get_local (const OsHubRequest *request, GError **error)
{
  g_autofree char *commit =
      os_hub_cache_get_commit (request->cache, request->revision);
  g_auto (GStrv) names =
      commit ? os_hub_cache_list (request->cache, commit) : NULL;

  if (names != NULL && names[0] != NULL)
    return listing_new (commit, g_steal_pointer (&names));
  os_hub_request_fail_local (request, NULL, error);
  return NULL;
}

/* --- The hub's answer --- */

/* The whole body, or NULL. */
static GByteArray *
read_body (const OsHubAnswer *answer, GCancellable *cancellable, GError **error)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  g_autofree guint8 *buffer = g_malloc (CHUNK);
  g_autoptr (GError) cause = NULL;
  gssize n;

  while ((n = g_input_stream_read (
              answer->body, buffer, CHUNK, cancellable, &cause))
             > 0
         && body->len <= MAX_ANSWER)
    g_byte_array_append (body, buffer, n);
  if (n == 0)
    return g_steal_pointer (&body);
  if (n < 0)
    os_hub_http_fail (answer->uri, cause, error);
  else
    g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_HTTP,
        "The list of files of %s is longer than %d bytes",
        g_uri_get_path (answer->uri), MAX_ANSWER);
  return NULL;
}

static void
add_file (OsHubListing *listing, GPtrArray *names, JsonNode *node)
{
  JsonObject *file =
      JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  JsonNode *name = file ? json_object_get_member (file, "rfilename") : NULL;
  JsonNode *size = file ? json_object_get_member (file, "size") : NULL;
  const char *text =
      os_json_holds (name, G_TYPE_STRING) ? json_node_get_string (name) : NULL;

  if (text == NULL || !os_hub_check_filename (text, NULL))
    return;
  g_ptr_array_add (names, g_strdup (text));
  if (os_json_holds (size, G_TYPE_INT64) && json_node_get_int (size) >= 0) {
    gint64 value = json_node_get_int (size);

    g_hash_table_insert (
        listing->sizes, g_strdup (text), g_memdup2 (&value, sizeof value));
  }
}

/* NULL if it is no such description. */
static OsHubListing *
parse (JsonObject *object)
{
  JsonNode *sha = json_object_get_member (object, "sha");
  JsonNode *siblings = json_object_get_member (object, "siblings");
  OsHubListing *listing;
  GPtrArray *names;
  JsonArray *array;

  if (!os_json_holds (sha, G_TYPE_STRING)
      || !os_hub_is_commit (json_node_get_string (sha)) || siblings == NULL
      || !JSON_NODE_HOLDS_ARRAY (siblings))
    return NULL;
  listing = listing_new (json_node_get_string (sha), NULL);
  names = g_ptr_array_new ();
  array = json_node_get_array (siblings);
  for (guint i = 0; i < json_array_get_length (array); i++)
    add_file (listing, names, json_array_get_element (array, i));
  g_ptr_array_add (names, NULL);
  listing->names = (char **) g_ptr_array_free (names, FALSE);
  return listing;
}

/* Asks once; *retry as in hub/metadata.h. */
static OsHubListing *
ask (const OsHubRequest *request, gint *retry, GError **error)
{
  g_autofree char *url = os_hub_info_url (
      request->environment->endpoint, request->repo, request->revision);
  g_autofree char *what =
      g_strdup_printf ("%s@%s", request->repo, request->revision);
  GCancellable *cancellable = os_task_get_cancellable (request->task);
  g_autoptr (GUri) uri = g_uri_parse (url, SOUP_HTTP_URI_FLAGS, NULL);
  g_autoptr (OsHubAnswer) answer = NULL;
  g_autoptr (GByteArray) body = NULL;
  g_autoptr (JsonObject) object = NULL;
  OsHubListing *listing;

  *retry = 0;
  answer =
      os_hub_http_send (request->http, OS_HUB_GET, uri, 0, cancellable, error);
  if (answer == NULL)
    return NULL;
  if (soup_message_get_status (answer->message) != 200) {
    *retry = os_hub_answer_is_temporary (answer)
                 ? (gint) os_hub_answer_retry_after (answer, 0)
                 : OS_HUB_NO_RETRY;
    os_hub_answer_fail (answer, what, error);
    return NULL;
  }
  body = read_body (answer, cancellable, error);
  if (body == NULL)
    return NULL;
  *retry = OS_HUB_NO_RETRY;
  object = os_json_parse ((const char *) body->data, body->len, what, NULL);
  listing = object != NULL ? parse (object) : NULL;
  if (listing == NULL)
    g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_HTTP,
        "%s: the answer of %s is not a list of files; check the network (is "
        "there a login page?) and HF_ENDPOINT",
        what, g_uri_get_host (uri));
  return listing;
}

OsHubListing *
os_hub_listing_get (const OsHubRequest *request, GError **error)
{
  if (request->http == NULL)
    return os_hub_listing_get_local (request, error);
  for (guint repeat = 0;; repeat++) {
    g_autoptr (GError) cause = NULL;
    gint retry;
    OsHubListing *listing = ask (request, &retry, &cause);

    if (listing == NULL && repeat == 0 && os_hub_may_fall_back (cause))
      listing = os_hub_listing_get_local (request, NULL);
    if (listing != NULL)
      return listing;
    if (retry == OS_HUB_NO_RETRY || repeat == OS_HUB_MAX_REPEATS
        || cause->domain != OPENSORA_HUB_ERROR
        || cause->code == OPENSORA_HUB_ERROR_TLS) {
      g_propagate_error (error, g_steal_pointer (&cause));
      return NULL;
    }
    if (!os_hub_wait_for_repeat (repeat, retry, request->task, error))
      return NULL;
  }
}
