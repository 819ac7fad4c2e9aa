/* SPDX-License-Identifier: Apache-2.0 */
/* Downloads from a server that does everything wrong that a server can do: the
 * bytes are right, or the error is clear and nothing wrong is in the cache. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "hubtest.h"

#define WEIGHTS "model.safetensors"
#define WEIGHTS_SIZE 1200000
#define CDN(do) "{'match': {'origin': 'cdn'}, 'times': 1, 'do': {" do "}}"
#define CDN_ALWAYS(do)                                                         \
  "{'match': {'origin': 'cdn'}, 'times': -1, 'do': {" do "}}"
#define HEAD(do)                                                               \
  "{'match': {'method': 'HEAD', 'origin': 'hub'}, 'times': 1, 'do': {" do "}}"
#define HEAD_ALWAYS(do)                                                        \
  "{'match': {'method': 'HEAD', 'origin': 'hub'}, 'times': -1, 'do': {" do "}" \
                                                                           "}"

typedef struct {
  const char *name;
  const char *fault;
  int code; /* -1: the bytes are right */
} Case;

static const Case cases[] = {
  { "none", NULL, -1 },
  { "reset", CDN ("'reset_after': 100000"), -1 },
  { "reset-at-once", CDN ("'reset_after': -1"), -1 },
  { "early-end", CDN ("'close_after': 500000"), -1 },
  { "early-end-chunked", CDN ("'close_after': 500000, 'chunked': true"), -1 },
  { "chunked", CDN ("'chunked': true"), -1 },
  { "silence", CDN ("'hang': 10, 'hang_after': 300000"), -1 },
  { "not-http", CDN ("'garbage': true"), -1 },
  { "busy", CDN ("'status': 503"), -1 },
  { "too-many", CDN ("'status': 429, 'headers': {'Retry-After': '0'}"), -1 },
  { "expired", CDN ("'expire_url': true"), -1 },
  { "long-header", CDN ("'content_length': 1300000"), -1 },
  { "short-header", CDN ("'content_length': 700000"), -1 },
  { "corrupt-once", CDN ("'corrupt': {'offset': 7, 'length': 2}"), -1 },
  { "longer-once", CDN ("'size_delta': 10"), -1 },
  { "gzip", CDN ("'gzip': true"), -1 },
  { "reset-often", CDN_ALWAYS ("'reset_after': 500000"), -1 },
  { "late", CDN ("'delay': 0.5"), -1 },
  { "redirected",
      CDN ("'redirect': {'status': 302, 'location': '{cdn}{self}'}"), -1 },
  { "no-size", HEAD_ALWAYS ("'remove_headers': ['X-Linked-Size']"), -1 },
  { "replaced-once", CDN ("'replace': {'seed': [3, 1200000]}"), -1 },
  { "head-reset", HEAD ("'reset_after': -1"), -1 },
  { "head-busy", HEAD ("'status': 500"), -1 },
  { "head-not-http", HEAD ("'garbage': true"), -1 },
  { "head-silence", HEAD ("'hang': 5"), -1 },
  { "corrupt", CDN_ALWAYS ("'corrupt': {'offset': 7, 'length': 2}"),
      OPENSORA_HUB_ERROR_INTEGRITY },
  { "longer", CDN_ALWAYS ("'size_delta': 10"), OPENSORA_HUB_ERROR_INTEGRITY },
  { "shorter", CDN_ALWAYS ("'size_delta': -10"), OPENSORA_HUB_ERROR_INTEGRITY },
  { "replaced-always", CDN_ALWAYS ("'replace': {'seed': [3, 1200000]}"),
      OPENSORA_HUB_ERROR_INTEGRITY },
  { "always-busy",
      CDN_ALWAYS ("'status': 503, 'headers': {'Retry-After': '0'}"),
      OPENSORA_HUB_ERROR_NETWORK },
  { "always-reset", CDN_ALWAYS ("'reset_after': -1"),
      OPENSORA_HUB_ERROR_NETWORK },
  { "refused", CDN_ALWAYS ("'status': 400"), OPENSORA_HUB_ERROR_HTTP },
  { "cdn-loop", CDN_ALWAYS ("'redirect_loop': 'absolute'"),
      OPENSORA_HUB_ERROR_HTTP },
  { "always-expired", CDN_ALWAYS ("'expire_url': true"),
      OPENSORA_HUB_ERROR_HTTP },
  { "loop", HEAD_ALWAYS ("'redirect_loop': 'relative'"),
      OPENSORA_HUB_ERROR_HTTP },
  { "loop-absolute", HEAD_ALWAYS ("'redirect_loop': 'absolute'"),
      OPENSORA_HUB_ERROR_HTTP },
  { "loop-cdn", HEAD_ALWAYS ("'redirect_loop': 'cdn'"),
      OPENSORA_HUB_ERROR_HTTP },
  { "login-elsewhere",
      HEAD_ALWAYS ("'redirect': {'status': 302, 'location': '{cdn}/login'}"),
      OPENSORA_HUB_ERROR_HTTP },
  { "forbidden", HEAD_ALWAYS ("'status': 403"), OPENSORA_HUB_ERROR_HTTP },
  { "no-etag", HEAD_ALWAYS ("'remove_headers': ['X-Linked-Etag', 'ETag']"),
      OPENSORA_HUB_ERROR_HTTP },
  { "login-page", HEAD_ALWAYS ("'html': true"), OPENSORA_HUB_ERROR_HTTP },
  { "no-commit", HEAD_ALWAYS ("'remove_headers': ['X-Repo-Commit']"),
      OPENSORA_HUB_ERROR_HTTP },
  { "commit-leads-out",
      HEAD_ALWAYS ("'set_headers': {'X-Repo-Commit': '../../../../out'}"),
      OPENSORA_HUB_ERROR_HTTP },
  { "etag-leads-out",
      HEAD_ALWAYS ("'set_headers': {'X-Linked-Etag': '\\\"../../../out\\\"'}"),
      OPENSORA_HUB_ERROR_HTTP },
  { "disk-too-small",
      HEAD_ALWAYS ("'set_headers': {'X-Linked-Size': '4000000000000000'}"),
      OPENSORA_HUB_ERROR_NO_SPACE },
};

static void
test_fault (HubTest *test, gconstpointer data)
{
  const Case *c = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  if (c->fault != NULL)
    hub_test_fault (c->fault);
  path = hub_test_download (test, WEIGHTS, &error);
  if (c->code < 0) {
    g_assert_no_error (error);
    hub_test_assert_content (path, WEIGHTS);
  } else {
    g_assert_error (error, OPENSORA_HUB_ERROR, c->code);
    g_assert_null (path);
    g_assert_cmpuint (hub_test_count_files (test, WEIGHTS), ==, 0);
    g_assert_cmpuint (hub_test_count_files (test, "main"), ==, 0);
  }
  g_assert_cmpuint (hub_test_count_files (test, ".incomplete"), ==, 0);
  g_assert_cmpuint (hub_test_count_files (test, ".tmp"), ==, 0);
  g_assert_cmpuint (hub_test_count_files (test, "out"), ==, 0);
}

/* --- Going on where it stopped --- */

typedef struct {
  GCancellable *cancellable;
  guint64 at; /* bytes after which it is cancelled */
  guint64 first;
  guint64 last;
  gint64 cancelled; /* when */
} Watch;

static void
watch (OpensoraStage stage, guint64 done, guint64 total, gpointer user_data)
{
  Watch *watch = user_data;

  g_assert_cmpint (stage, ==, OPENSORA_STAGE_DOWNLOAD);
  g_assert_cmpuint (done, >=, watch->last);
  g_assert_cmpuint (total, ==, WEIGHTS_SIZE);
  if (watch->first == 0)
    watch->first = done;
  watch->last = done;
  if (watch->cancellable != NULL && done >= watch->at)
    g_cancellable_cancel (watch->cancellable);
}

static void
interrupt (HubTest *test)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Watch state = { cancellable, 400000 };

  hub_test_fault (CDN ("'drip': 6000000, 'chunk': 50000"));
  g_assert_null (opensora_hub_download (
      test->hub, "org/m", NULL, WEIGHTS, cancellable, watch, &state, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (hub_test_count_files (test, ".incomplete"), ==, 1);
  g_assert_cmpuint (hub_test_count_files (test, WEIGHTS), ==, 0);
}

static void
test_resume (HubTest *test, gconstpointer fault)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  Watch state = { NULL };

  interrupt (test);
  if (fault != NULL)
    hub_test_fault (fault);
  path = opensora_hub_download (test->hub, "org/m", NULL, WEIGHTS, NULL,
      fault == NULL ? watch : NULL, &state, &error);
  g_assert_no_error (error);
  hub_test_assert_content (path, WEIGHTS);
  if (fault == NULL) {
    g_assert_cmpuint (state.first, >=, 400000);
    g_assert_cmpuint (state.last, ==, WEIGHTS_SIZE);
  }
}

/* Somebody else's bytes in the partial file cost a second download. */
static void
test_resume_wrong_bytes (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  g_autofree char *zeros = g_malloc0 (WEIGHTS_SIZE + 1);
  g_autofree char *first = hub_test_download (test, WEIGHTS, &error);
  g_autofree char *target = g_file_read_link (first, NULL);
  g_autofree char *folder = g_path_get_dirname (first);
  g_autofree char *blob = g_build_filename (folder, target, NULL);
  g_autofree char *partial = g_strconcat (blob, ".incomplete", NULL);

  for (gsize size = 1000; size <= WEIGHTS_SIZE + 1;
       size += WEIGHTS_SIZE - 999) {
    g_autofree char *again = NULL;

    g_assert_cmpint (g_unlink (first), ==, 0);
    g_assert_cmpint (g_unlink (blob), ==, 0);
    g_assert_true (g_file_set_contents (partial, zeros, size, NULL));
    again = hub_test_download (test, WEIGHTS, &error);
    g_assert_no_error (error);
    hub_test_assert_content (again, WEIGHTS);
  }
}

static gpointer
cancel_later (gpointer data)
{
  Watch *watch = data;

  g_usleep (300000);
  watch->cancelled = g_get_monotonic_time ();
  g_cancellable_cancel (watch->cancellable);
  return NULL;
}

/* While nothing happens at all. */
static void
test_cancel (HubTest *test, gconstpointer fault)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Watch state = { cancellable };
  GThread *thread;

  hub_test_fault (fault);
  thread = g_thread_new ("cancel", cancel_later, &state);
  g_assert_null (opensora_hub_download (
      test->hub, "org/m", NULL, WEIGHTS, cancellable, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
  g_assert_cmpint (
      g_get_monotonic_time () - state.cancelled, <, G_USEC_PER_SEC / 5);
}

/* A file that is replaced between the two requests. */
static void
test_replaced (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  g_autofree char *text = NULL;

  hub_test_fault ("{'match': {'method': 'GET', 'kind': 'resolve'}, 'times': 1, "
                  "'do': {'update_file': {'repo': 'org/m', "
                  "'path': 'config.json', 'text': '[9 bytes]'}}}");
  path = hub_test_download (test, "config.json", &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "[9 bytes]");
}

/* A file that is not in LFS is named by git's hash. */
static void
test_corrupt_git (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  hub_test_fault ("{'match': {'method': 'GET', 'kind': 'resolve'}, 'times': 2, "
                  "'do': {'corrupt': {'offset': 3}}}");
  g_assert_null (hub_test_download (test, "config.json", &error));
  g_assert_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INTEGRITY);
  g_assert_cmpuint (hub_test_count_files (test, "config.json"), ==, 0);
  g_assert_cmpuint (hub_test_count_files (test, ".incomplete"), ==, 0);
  g_clear_error (&error);
  path = hub_test_download (test, "config.json", &error);
  g_assert_no_error (error);
  hub_test_assert_content (path, "config.json");
}

/* A busy server says when it wants to be asked again, and a second more is
 * waited; without that the first repeat comes sooner. */
static void
test_retry_after (HubTest *test, gconstpointer fault)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  gint64 begin = g_get_monotonic_time ();

  hub_test_fault (fault);
  path = hub_test_download (test, WEIGHTS, &error);
  g_assert_no_error (error);
  hub_test_assert_content (path, WEIGHTS);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 3 * G_USEC_PER_SEC);
}

/* --- The way to a file --- */

/* A renamed repository keeps the name in the cache that the user gave. */
static void
test_renamed (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  hub_test_config ("{'renamed': {'old/x': 'org/m'}}");
  path = opensora_hub_download (
      test->hub, "old/x", NULL, WEIGHTS, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (path, "models--old--x"));
  hub_test_assert_content (path, WEIGHTS);
}

static void
test_resolve_cache (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  hub_test_config ("{'resolve_cache': true}");
  path = hub_test_download (test, "config.json", &error);
  g_assert_no_error (error);
  hub_test_assert_content (path, "config.json");
}

/* The name of the hub is one that only the proxy knows. */
static void
test_proxy (HubTest *test, gconstpointer data)
{
  g_autoptr (OpensoraHub) hub =
      opensora_hub_new (test->cache, "http://hub.invalid", FALSE);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  g_setenv ("http_proxy", hub_test_address ("hub"), TRUE);
  path = opensora_hub_download (
      hub, "org/m", NULL, "config.json", NULL, NULL, NULL, &error);
  g_unsetenv ("http_proxy");
  g_assert_no_error (error);
  hub_test_assert_content (path, "config.json");
}

/* --- The token --- */

static void
test_token (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  hub_test_config ("{'tokens': {'hf_secret': {'repos': ['org/m']}}, "
                   "'private': ['org/m']}");
  g_setenv ("HF_TOKEN", " hf_secret\n", TRUE);
  path = hub_test_download (test, WEIGHTS, &error);
  g_assert_no_error (error);
  hub_test_assert_content (path, WEIGHTS);
  g_assert_true (hub_test_saw_token ("hub"));
  g_assert_false (hub_test_saw_token ("cdn"));
  g_unsetenv ("HF_TOKEN");
}

/* The hub sends the request for the file itself to another host. */
static void
test_token_redirected (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  hub_test_config ("{'tokens': {'hf_secret': {'repos': ['org/m']}}, "
                   "'private': ['org/m']}");
  hub_test_fault ("{'match': {'method': 'GET', 'origin': 'hub'}, 'times': -1, "
                  "'do': {'redirect': {'status': 302, "
                  "'location': '{cdn}/stolen'}}}");
  g_setenv ("HF_TOKEN", "hf_secret", TRUE);
  g_assert_null (hub_test_download (test, "config.json", &error));
  g_unsetenv ("HF_TOKEN");
  g_assert_cmpuint (hub_test_count ("cdn", "GET"), >, 0);
  g_assert_true (hub_test_saw_token ("hub"));
  g_assert_false (hub_test_saw_token ("cdn"));
  g_assert_null (strstr (error->message, "hf_secret"));
}

static const struct {
  const char *name;
  const char *config;
  const char *token;
  const char *repo;
  const char *revision;
  const char *file;
  OpensoraHubError code;
  const char *advice; /* in the message */
} refusals[] = {
  { "no-repository", "{}", NULL, "org/none", NULL, "config.json",
      OPENSORA_HUB_ERROR_REPOSITORY_NOT_FOUND, "HF_TOKEN" },
  { "gated", "{'gated': ['org/m']}", NULL, "org/m", NULL, "config.json",
      OPENSORA_HUB_ERROR_GATED_REPO, "/org/m, " },
  { "gated-for-this-user", "{'gated': ['org/m'], 'tokens': {'hf_secret': {}}}",
      "hf_secret", "org/m", NULL, "config.json", OPENSORA_HUB_ERROR_GATED_REPO,
      "licence" },
  { "wrong-token", "{}", "hf_secret", "org/m", NULL, "config.json",
      OPENSORA_HUB_ERROR_UNAUTHORIZED, "HF_TOKEN" },
  { "disabled", "{'disabled': ['org/m']}", NULL, "org/m", NULL, "config.json",
      OPENSORA_HUB_ERROR_HTTP, "disabled" },
  { "no-revision", "{}", NULL, "org/m", "v9", "config.json",
      OPENSORA_HUB_ERROR_REVISION_NOT_FOUND, "branch" },
  { "no-file", "{}", NULL, "org/m", NULL, "none.json",
      OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND, "none.json" },
  { "leads-out", "{}", NULL, "org/m", NULL, "../none.json",
      OPENSORA_HUB_ERROR_INVALID_ARGUMENT, "none.json" },
  { "no-repository-id", "{}", NULL, "org//m", NULL, "config.json",
      OPENSORA_HUB_ERROR_INVALID_ARGUMENT, "namespace/name" },
  { "revision-leads-out", "{}", NULL, "org/m", "a/../../b", "config.json",
      OPENSORA_HUB_ERROR_INVALID_ARGUMENT, "branch" },
};

static void
test_refusal (HubTest *test, gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autoptr (GError) error = NULL;

  hub_test_config (refusals[i].config);
  if (refusals[i].token != NULL)
    g_setenv ("HF_TOKEN", refusals[i].token, TRUE);
  g_assert_null (opensora_hub_download (test->hub, refusals[i].repo,
      refusals[i].revision, refusals[i].file, NULL, NULL, NULL, &error));
  g_unsetenv ("HF_TOKEN");
  g_assert_error (error, OPENSORA_HUB_ERROR, refusals[i].code);
  g_assert_nonnull (strstr (error->message, refusals[i].advice));
  g_assert_null (strstr (error->message, "hf_secret"));
  g_assert_cmpuint (hub_test_count_files (test, ".json"), ==,
      refusals[i].code == OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND); /* .no_exist */
}

static void
add (const char *name, gconstpointer data,
    void (*func) (HubTest *test, gconstpointer data))
{
  g_autofree char *path = g_strconcat ("/hub/download/", name, NULL);

  g_test_add (path, HubTest, data, hub_test_set_up, func, hub_test_tear_down);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  if (!hub_test_start (NULL))
    return hub_test_skip ();
  g_setenv ("HF_HUB_DOWNLOAD_TIMEOUT", "1", TRUE);
  g_setenv ("HF_HUB_ETAG_TIMEOUT", "1", TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    add (cases[i].name, &cases[i], test_fault);
  add ("resume", NULL, test_resume);
  add ("resume/ignored", CDN ("'ignore_range': true"), test_resume);
  add ("resume/refused", CDN ("'range_416': true"), test_resume);
  add ("resume/elsewhere", CDN ("'range_shift': 5"), test_resume);
  add ("resume/wrong-bytes", NULL, test_resume_wrong_bytes);
  add ("cancel/head", HEAD_ALWAYS ("'delay': 3"), test_cancel);
  add ("cancel/body", CDN_ALWAYS ("'hang': 3, 'hang_after': 99"), test_cancel);
  add ("cancel/backoff",
      CDN_ALWAYS ("'status': 503, 'headers': {'Retry-After': '9'}"),
      test_cancel);
  add ("replaced", NULL, test_replaced);
  add ("corrupt-git", NULL, test_corrupt_git);
  add ("retry-after/head",
      HEAD ("'status': 503, 'headers': {'Retry-After': '2'}"),
      test_retry_after);
  add ("retry-after/body",
      CDN ("'status': 429, 'headers': {'Retry-After': '2'}"), test_retry_after);
  add ("retry-after/rate-limit",
      HEAD ("'status': 429, "
            "'headers': {'RateLimit': '\\\"api\\\";r=0;t=2'}"),
      test_retry_after);
  add ("renamed", NULL, test_renamed);
  add ("resolve-cache", NULL, test_resolve_cache);
  add ("proxy", NULL, test_proxy);
  add ("token", NULL, test_token);
  add ("token/redirected", NULL, test_token_redirected);
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    add (refusals[i].name, GUINT_TO_POINTER (i), test_refusal);
  status = g_test_run ();
  hub_test_stop ();
  return status;
}
