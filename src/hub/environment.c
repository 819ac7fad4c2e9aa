/* SPDX-License-Identifier: Apache-2.0 */
/* The environment variables of huggingface_hub 2.4: constants.py, and
 * utils/_auth.py for the token. */
#include "hub/environment.h"

#include <libsoup/soup.h>
#include <opensora/opensora.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_ENDPOINT "https://huggingface.co"
#define DEFAULT_TIMEOUT 10
#define MAX_TIMEOUT (24 * 60 * 60)

static const char *
get (const char *name)
{
  const char *value = g_getenv (name);

  return value != NULL && value[0] != '\0' ? value : NULL;
}

/* The first of these variables that is set, or NULL. */
static const char *
first_set (const char *const *names)
{
  while (*names != NULL && get (*names) == NULL)
    names++;
  return *names;
}

/* Its value. */
static const char *
first_of (const char *const *names)
{
  const char *name = first_set (names);

  return name != NULL ? get (name) : NULL;
}

static gboolean
is_true (const char *value)
{
  static const char *const yes[] = { "1", "ON", "YES", "TRUE", NULL };
  g_autofree char *upper = value ? g_ascii_strup (value, -1) : NULL;

  return upper != NULL && g_strv_contains (yes, upper);
}

static char *
expand_home (const char *path)
{
  const char *home = get ("HOME");

  if (path[0] != '~' || (path[1] != '/' && path[1] != '\0'))
    return g_strdup (path);
  return g_strconcat (home ? home : g_get_home_dir (), path + 1, NULL);
}

static gboolean
replace_variable (const GMatchInfo *match, GString *result, gpointer data)
{
  g_autofree char *all = g_match_info_fetch (match, 0);
  g_autofree char *name = g_match_info_fetch (match, 1);
  const char *value;

  g_strdelimit (name, "{}", ' ');
  value = g_getenv (g_strstrip (name));
  g_string_append (result, value ? value : all);
  return FALSE;
}

/* A leading ~, and $NAME and ${NAME} of variables that are set. */
static char *
expand (const char *path)
{
  g_autofree char *home = expand_home (path);
  g_autoptr (GRegex) variable =
      g_regex_new ("\\$(\\w+|\\{[^}]*\\})", G_REGEX_RAW, 0, NULL);

  return g_regex_replace_eval (
      variable, home, -1, 0, 0, replace_variable, NULL, NULL);
}

/* HF_HOME: token and cache are below. */
static char *
get_home (void)
{
  const char *home = get ("HF_HOME");
  const char *xdg = get ("XDG_CACHE_HOME");
  g_autofree char *user = expand_home ("~/.cache");

  return home != NULL
             ? expand (home)
             : g_build_filename (xdg ? xdg : user, "huggingface", NULL);
}

static char *
get_cache_dir (const char *argument)
{
  static const char *const names[] = { "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE",
    NULL };
  const char *value = first_of (names);
  g_autofree char *home = get_home ();
  g_autofree char *path = argument != NULL ? expand_home (argument)
                          : value != NULL
                              ? expand (value)
                              : g_build_filename (home, "hub", NULL);
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  char *real = realpath (absolute, NULL);
  char *result = g_strdup (real != NULL ? real : absolute);

  free (real);
  return result;
}

static char *
get_token (void)
{
  static const char *const names[] = { "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN",
    NULL };
  const char *path = get ("HF_TOKEN_PATH");
  g_autofree char *home = get_home ();
  g_autofree char *file =
      path ? expand (path) : g_build_filename (home, "token", NULL);
  g_autofree char *token = g_strdup (first_of (names));
  g_auto (GStrv) lines = NULL;
  g_autofree char *joined = NULL;

  if (is_true (get ("HF_HUB_DISABLE_IMPLICIT_TOKEN")))
    return NULL;
  if (token == NULL && !g_file_get_contents (file, &token, NULL, NULL))
    return NULL;
  lines = g_strsplit_set (token, "\r\n", -1);
  joined = g_strstrip (g_strjoinv ("", lines));
  return joined[0] != '\0' ? g_steal_pointer (&joined) : NULL;
}

static guint
get_timeout (const char *name)
{
  const char *value = get (name);
  guint64 seconds;

  if (value == NULL
      || !g_ascii_string_to_unsigned (value, 10, 0, MAX_TIMEOUT, &seconds, NULL)
      || seconds == 0)
    return DEFAULT_TIMEOUT;
  return seconds;
}

static char *
get_endpoint (const char *argument)
{
  const char *value = argument != NULL ? argument : get ("HF_ENDPOINT");
  char *endpoint = g_strdup (value != NULL ? value : DEFAULT_ENDPOINT);

  for (gsize n = strlen (endpoint); n > 0 && endpoint[n - 1] == '/'; n--)
    endpoint[n - 1] = '\0';
  return endpoint;
}

static char *
get_user_agent (void)
{
  g_autofree char *origin = g_strdup (get ("HF_HUB_USER_AGENT_ORIGIN"));

  if (origin != NULL)
    g_strdelimit (origin, "\r\n", ' ');
  return g_strdup_printf ("opensorasrc/" OPENSORA_VERSION_STRING
                          "; libsoup/%u.%u.%u%s%s",
      soup_get_major_version (), soup_get_minor_version (),
      soup_get_micro_version (), origin ? "; origin/" : "",
      origin ? origin : "");
}

OsHubEnvironment *
os_hub_environment_new (
    const char *cache_dir, const char *endpoint, gboolean local_files_only)
{
  static const char *const offline[] = { "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE", NULL };
  static const char *const ca[] = { "SSL_CERT_FILE", "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", NULL };
  OsHubEnvironment *environment = g_new0 (OsHubEnvironment, 1);

  environment->cache_dir = get_cache_dir (cache_dir);
  environment->endpoint = get_endpoint (endpoint);
  environment->token = get_token ();
  environment->user_agent = get_user_agent ();
  environment->ca_variable = first_set (ca);
  if (environment->ca_variable != NULL)
    environment->ca_path = g_strdup (get (environment->ca_variable));
  environment->offline = local_files_only || is_true (first_of (offline));
  environment->no_symlinks = is_true (get ("HF_HUB_DISABLE_SYMLINKS"));
  environment->metadata_timeout = get_timeout ("HF_HUB_ETAG_TIMEOUT");
  environment->download_timeout = get_timeout ("HF_HUB_DOWNLOAD_TIMEOUT");
  return environment;
}

void
os_hub_environment_free (OsHubEnvironment *environment)
{
  if (environment == NULL)
    return;
  g_free (environment->cache_dir);
  g_free (environment->endpoint);
  g_free (environment->token);
  g_free (environment->user_agent);
  g_free (environment->ca_path);
  g_free (environment);
}

/* The proxy of a scheme as a URL, or NULL. */
static char *
get_proxy (const char *lower, const char *upper)
{
  const char *names[] = { lower, upper, NULL };
  const char *value = first_of (names);

  if (value == NULL || strstr (value, "://") != NULL)
    return g_strdup (value);
  return g_strconcat ("http://", value, NULL);
}

/* The hosts of no_proxy. An empty one would end the list for the resolver. */
static char **
get_direct_hosts (void)
{
  static const char *const names[] = { "no_proxy", "NO_PROXY", NULL };
  const char *value = first_of (names);
  g_auto (GStrv) words = g_strsplit_set (value ? value : "", ", ", -1);
  g_autoptr (GStrvBuilder) hosts = g_strv_builder_new ();

  for (char **word = words; *word != NULL; word++) {
    if (**word != '\0')
      g_strv_builder_add (hosts, *word);
  }
  return g_strv_builder_end (hosts);
}

GProxyResolver *
os_hub_environment_proxies (void)
{
  g_autofree char *all = get_proxy ("all_proxy", "ALL_PROXY");
  g_autofree char *http = get_proxy ("http_proxy", "HTTP_PROXY");
  g_autofree char *https = get_proxy ("https_proxy", "HTTPS_PROXY");
  g_auto (GStrv) hosts = get_direct_hosts ();
  GProxyResolver *resolver;

  if (g_strv_contains ((const char *const *) hosts, "*"))
    return g_simple_proxy_resolver_new (NULL, NULL);
  resolver = g_simple_proxy_resolver_new (all, hosts);
  if (http != NULL)
    g_simple_proxy_resolver_set_uri_proxy (
        G_SIMPLE_PROXY_RESOLVER (resolver), "http", http);
  if (https != NULL)
    g_simple_proxy_resolver_set_uri_proxy (
        G_SIMPLE_PROXY_RESOLVER (resolver), "https", https);
  return resolver;
}
