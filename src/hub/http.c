/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP by libsoup. Redirects are followed by hand: the facts about a file are
 * on the answer that leads away from the hub, and where it leads to must not
 * see the token. */
#include "hub/http.h"

#include <opensora/opensora.h>
#include <string.h>

#include "hub/certificates.h"

#define MAX_REDIRECTS 20
#define MAX_WAIT 300

struct _OsHubHttp {
  SoupSession *sessions[2]; /* by OsHubMethod: their timeouts differ */
  OsHubCertificates certificates;
  GUri *endpoint;
  char *authorization; /* NULL: no token */
};

static SoupSession *
session_new (const OsHubEnvironment *environment, guint timeout,
    GTlsDatabase *certificates)
{
  g_autoptr (GProxyResolver) proxies = os_hub_environment_proxies ();
  SoupSession *session = soup_session_new_with_options ("timeout", timeout,
      "proxy-resolver", proxies, "user-agent", environment->user_agent, NULL);

  if (certificates != NULL)
    soup_session_set_tls_database (session, certificates);
  return session;
}

OsHubHttp *
os_hub_http_new (const OsHubEnvironment *environment, GError **error)
{
  g_autoptr (GUri) endpoint =
      g_uri_parse (environment->endpoint, SOUP_HTTP_URI_FLAGS, NULL);
  const char *scheme = endpoint ? g_uri_get_scheme (endpoint) : NULL;
  OsHubHttp *http;

  if (g_strcmp0 (scheme, "https") != 0 && g_strcmp0 (scheme, "http") != 0) {
    g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INVALID_ARGUMENT,
        "The address of the hub is not a https:// or http:// URL; correct "
        "HF_ENDPOINT or unset it");
    return NULL;
  }
  http = g_new0 (OsHubHttp, 1);
  if (!os_hub_certificates_load (&http->certificates, environment, error)) {
    os_hub_http_free (http);
    return NULL;
  }
  http->endpoint = g_steal_pointer (&endpoint);
  if (environment->token != NULL)
    http->authorization = g_strconcat ("Bearer ", environment->token, NULL);
  http->sessions[OS_HUB_HEAD] = session_new (
      environment, environment->metadata_timeout, http->certificates.database);
  http->sessions[OS_HUB_GET] = session_new (
      environment, environment->download_timeout, http->certificates.database);
  return http;
}

void
os_hub_http_free (OsHubHttp *http)
{
  if (http == NULL)
    return;
  g_clear_object (&http->sessions[OS_HUB_HEAD]);
  g_clear_object (&http->sessions[OS_HUB_GET]);
  os_hub_certificates_clear (&http->certificates);
  g_clear_pointer (&http->endpoint, g_uri_unref);
  g_free (http->authorization);
  g_free (http);
}

gboolean
os_hub_http_is_own (const OsHubHttp *http, GUri *uri)
{
  return g_str_equal (g_uri_get_scheme (uri), g_uri_get_scheme (http->endpoint))
         && g_ascii_strcasecmp (
                g_uri_get_host (uri), g_uri_get_host (http->endpoint))
                == 0
         && g_uri_get_port (uri) == g_uri_get_port (http->endpoint);
}

static char *
printable (GUri *uri)
{
  return g_uri_to_string_partial (
      uri, G_URI_HIDE_QUERY | G_URI_HIDE_USERINFO | G_URI_HIDE_FRAGMENT);
}

void
os_hub_http_fail (GUri *uri, GError *cause, GError **error)
{
  g_autofree char *address = printable (uri);
  gboolean tls = cause->domain == G_TLS_ERROR && cause->code != G_TLS_ERROR_EOF;

  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_propagate_error (error, g_error_copy (cause));
  else
    g_set_error (error, OPENSORA_HUB_ERROR,
        tls ? OPENSORA_HUB_ERROR_TLS : OPENSORA_HUB_ERROR_NETWORK, "%s: %s; %s",
        address, cause->message,
        tls ? "name the certificates to trust in SSL_CERT_FILE if this server "
              "is yours"
            : "check the network, the proxy variables and HF_ENDPOINT");
}

/* --- Sending --- */

static SoupMessage *
message_new (OsHubHttp *http, OsHubMethod method, GUri *uri, guint64 from,
    gboolean with_token)
{
  SoupMessage *message =
      soup_message_new_from_uri (method == OS_HUB_HEAD ? "HEAD" : "GET", uri);
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);

  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  soup_message_disable_feature (message, SOUP_TYPE_CONTENT_DECODER);
  /* A compressed body has another length, and no ranges. */
  soup_message_headers_append (headers, "Accept-Encoding", "identity");
  if (with_token && http->authorization != NULL)
    soup_message_headers_append (headers, "Authorization", http->authorization);
  if (from > 0)
    soup_message_headers_set_range (headers, from, -1);
  return message;
}

static OsHubAnswer *
send_once (OsHubHttp *http, OsHubMethod method, GUri *uri, guint64 from,
    gboolean with_token, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (SoupMessage) message =
      message_new (http, method, uri, from, with_token);
  GInputStream *body =
      soup_session_send (http->sessions[method], message, cancellable, &cause);
  OsHubAnswer *answer;

  if (body == NULL) {
    os_hub_http_fail (uri, cause, error);
    return NULL;
  }
  answer = g_new (OsHubAnswer, 1);
  answer->message = g_steal_pointer (&message);
  answer->body = body;
  answer->uri = g_uri_ref (uri);
  return answer;
}

/* Where the answer leads, or NULL. */
static GUri *
get_location (const OsHubAnswer *answer)
{
  guint status = soup_message_get_status (answer->message);
  const char *location = os_hub_answer_header (answer, "Location");
  g_autoptr (GUri) uri = status / 100 == 3 && location != NULL
                             ? g_uri_parse_relative (answer->uri, location,
                                 SOUP_HTTP_URI_FLAGS, NULL)
                             : NULL;

  if (uri == NULL || g_uri_get_host (uri) == NULL
      || !g_str_has_prefix (g_uri_get_scheme (uri), "http"))
    return NULL;
  return g_steal_pointer (&uri);
}

OsHubAnswer *
os_hub_http_send (OsHubHttp *http, OsHubMethod method, GUri *uri, guint64 from,
    GCancellable *cancellable, GError **error)
{
  g_autoptr (GUri) at = g_uri_ref (uri);
  gboolean own = TRUE;

  for (guint i = 0; i <= MAX_REDIRECTS; i++) {
    g_autoptr (OsHubAnswer) answer = NULL;
    g_autoptr (GUri) next = NULL;

    /* Once it has left the hub, a request stays without the token. */
    own = own && os_hub_http_is_own (http, at);
    answer = send_once (http, method, at, from, own, cancellable, error);
    if (answer == NULL)
      return NULL;
    next = get_location (answer);
    if (next == NULL
        || (method == OS_HUB_HEAD && !os_hub_http_is_own (http, next)))
      return g_steal_pointer (&answer);
    g_uri_unref (at);
    at = g_steal_pointer (&next);
  }
  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_HTTP,
      "%s: more than %d redirects; check HF_ENDPOINT", g_uri_get_host (uri),
      MAX_REDIRECTS);
  return NULL;
}

/* --- Answers --- */

void
os_hub_answer_free (OsHubAnswer *answer)
{
  if (answer == NULL)
    return;
  g_object_unref (answer->body);
  g_object_unref (answer->message);
  g_uri_unref (answer->uri);
  g_free (answer);
}

const char *
os_hub_answer_header (const OsHubAnswer *answer, const char *name)
{
  return soup_message_headers_get_one (
      soup_message_get_response_headers (answer->message), name);
}

/* Where a person finds the repository of a file or of a description. */
static char *
get_page (const OsHubAnswer *answer)
{
  g_autofree char *address = printable (answer->uri);
  g_autoptr (GString) page = g_string_new (address);
  const char *end;

  g_string_replace (page, "/api/models/", "/", 1);
  end = strstr (page->str, "/resolve/");
  if (end == NULL)
    end = strstr (page->str, "/revision/");
  if (end != NULL)
    g_string_truncate (page, end - page->str);
  return g_strdup (page->str);
}

/* The class of a failure, and what to do about it. */
static OpensoraHubError
classify (const OsHubAnswer *answer, const char **advice)
{
  const char *code = os_hub_answer_header (answer, "X-Error-Code");
  const char *text = os_hub_answer_header (answer, "X-Error-Message");
  guint status = soup_message_get_status (answer->message);

  *advice = "try again later";
  if (g_strcmp0 (code, "RevisionNotFound") == 0) {
    *advice = "check the branch, tag or commit";
    return OPENSORA_HUB_ERROR_REVISION_NOT_FOUND;
  }
  if (g_strcmp0 (code, "EntryNotFound") == 0) {
    *advice = "check the name of the file and the revision";
    return OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND;
  }
  if (g_strcmp0 (code, "GatedRepo") == 0) {
    *advice = "accept its licence on its page and set HF_TOKEN to a token of "
              "that account";
    return OPENSORA_HUB_ERROR_GATED_REPO;
  }
  if (status == 401 && code == NULL && text != NULL
      && g_str_has_prefix (text, "Invalid credentials")) {
    *advice = "the token in HF_TOKEN or in the token file is not valid: "
              "replace or remove it";
    return OPENSORA_HUB_ERROR_UNAUTHORIZED;
  }
  if (g_strcmp0 (code, "RepoNotFound") == 0 || status == 401) {
    *advice = "check the name; a private repository needs a token with access "
              "in HF_TOKEN";
    return OPENSORA_HUB_ERROR_REPOSITORY_NOT_FOUND;
  }
  if (status < 500)
    *advice = "check HF_ENDPOINT and the name";
  return status >= 500 ? OPENSORA_HUB_ERROR_NETWORK : OPENSORA_HUB_ERROR_HTTP;
}

void
os_hub_answer_fail (const OsHubAnswer *answer, const char *what, GError **error)
{
  g_autofree char *page = get_page (answer);
  const char *text = os_hub_answer_header (answer, "X-Error-Message");
  const char *id = os_hub_answer_header (answer, "X-Request-Id");
  const char *advice;
  OpensoraHubError code = classify (answer, &advice);
  g_autofree char *valid =
      g_utf8_make_valid (text ? text : "no further explanation", -1);

  g_set_error (error, OPENSORA_HUB_ERROR, code,
      "%s: the server answered %u: %s; %s (%s%s%s)", what,
      soup_message_get_status (answer->message), valid, advice, page,
      id ? ", request " : "", id ? id : "");
}

guint
os_hub_answer_retry_after (const OsHubAnswer *answer, guint otherwise)
{
  const char *value = os_hub_answer_header (answer, "Retry-After");
  const char *limit = os_hub_answer_header (answer, "RateLimit");
  guint64 seconds;

  if (value == NULL && limit != NULL
      && soup_message_get_status (answer->message) == 429
      && (value = strstr (limit, "t=")) != NULL)
    value += strlen ("t=");
  if (value == NULL
      || !g_ascii_string_to_unsigned (value, 10, 0, MAX_WAIT, &seconds, NULL))
    return otherwise;
  return seconds + 1;
}

gboolean
os_hub_answer_is_temporary (const OsHubAnswer *answer)
{
  guint status = soup_message_get_status (answer->message);

  return status == 408 || status == 429 || status >= 500;
}
