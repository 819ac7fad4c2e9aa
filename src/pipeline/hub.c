/* SPDX-License-Identifier: Apache-2.0 */
/* OpensoraHub: the public face of the hub room. */
#include <opensora/opensora.h>

#include "hub/files.h"
#include "hub/repo-id.h"
#include "hub/verify.h"

#define DEFAULT_REVISION "main"

struct _OpensoraHub {
  GObject parent;
  char *cache_dir;
  char *endpoint;
  gboolean local_files_only;
};

enum {
  PROP_CACHE_DIR = 1,
  PROP_ENDPOINT,
  PROP_LOCAL_FILES_ONLY,
};

G_DEFINE_FINAL_TYPE (OpensoraHub, opensora_hub, G_TYPE_OBJECT)

static void
opensora_hub_init (OpensoraHub *self)
{
}

static void
opensora_hub_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  OpensoraHub *self = OPENSORA_HUB (object);

  switch (id) {
    case PROP_CACHE_DIR:
      self->cache_dir = g_value_dup_string (value);
      break;
    case PROP_ENDPOINT:
      self->endpoint = g_value_dup_string (value);
      break;
    case PROP_LOCAL_FILES_ONLY:
      self->local_files_only = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
}

static void
opensora_hub_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  OpensoraHub *self = OPENSORA_HUB (object);

  switch (id) {
    case PROP_CACHE_DIR:
      g_value_set_string (value, self->cache_dir);
      break;
    case PROP_ENDPOINT:
      g_value_set_string (value, self->endpoint);
      break;
    case PROP_LOCAL_FILES_ONLY:
      g_value_set_boolean (value, self->local_files_only);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
}

static void
opensora_hub_finalize (GObject *object)
{
  OpensoraHub *self = OPENSORA_HUB (object);

  g_free (self->cache_dir);
  g_free (self->endpoint);
  G_OBJECT_CLASS (opensora_hub_parent_class)->finalize (object);
}

static void
opensora_hub_class_init (OpensoraHubClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags =
      G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  object_class->set_property = opensora_hub_set_property;
  object_class->get_property = opensora_hub_get_property;
  object_class->finalize = opensora_hub_finalize;

  /**
   * OpensoraHub:cache-dir: (type filename)
   *
   * The cache folder. %NULL leaves it to the environment: `HF_HUB_CACHE`,
   * `HF_HOME`, `XDG_CACHE_HOME`, and `~/.cache/huggingface/hub` otherwise.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_CACHE_DIR,
      g_param_spec_string ("cache-dir", NULL, NULL, NULL, flags));
  /**
   * OpensoraHub:endpoint:
   *
   * The address of the hub, a mirror's for example. %NULL leaves it to
   * `HF_ENDPOINT`, and is `https://huggingface.co` otherwise.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_ENDPOINT,
      g_param_spec_string ("endpoint", NULL, NULL, NULL, flags));
  /**
   * OpensoraHub:local-files-only:
   *
   * Never use the network, as if `HF_HUB_OFFLINE` were set.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_LOCAL_FILES_ONLY,
      g_param_spec_boolean ("local-files-only", NULL, NULL, FALSE, flags));
}

/**
 * opensora_hub_new:
 * @cache_dir: (type filename) (nullable): see [property@Hub:cache-dir]
 * @endpoint: (nullable): see [property@Hub:endpoint]
 * @local_files_only: see [property@Hub:local-files-only]
 *
 * Nothing is read or connected before it is asked for.
 *
 * Returns: (transfer full): a hub
 *
 * Since: 0.1
 */
OpensoraHub *
opensora_hub_new (
    const char *cache_dir, const char *endpoint, gboolean local_files_only)
{
  return g_object_new (OPENSORA_TYPE_HUB, "cache-dir", cache_dir, "endpoint",
      endpoint, "local-files-only", local_files_only, NULL);
}

static OsHubEnvironment *
get_environment (OpensoraHub *self)
{
  return os_hub_environment_new (
      self->cache_dir, self->endpoint, self->local_files_only);
}

/**
 * opensora_hub_dup_cache_dir:
 * @self: a hub
 *
 * Returns: (transfer full) (type filename): the cache folder that a call now
 *   uses, absolute; it need not exist
 *
 * Since: 0.1
 */
char *
opensora_hub_dup_cache_dir (OpensoraHub *self)
{
  g_autoptr (OsHubEnvironment) environment = NULL;

  g_return_val_if_fail (OPENSORA_IS_HUB (self), NULL);
  environment = get_environment (self);
  return g_strdup (environment->cache_dir);
}

/**
 * opensora_hub_dup_endpoint:
 * @self: a hub
 *
 * Returns: (transfer full): the address that a call now asks
 *
 * Since: 0.1
 */
char *
opensora_hub_dup_endpoint (OpensoraHub *self)
{
  g_autoptr (OsHubEnvironment) environment = NULL;

  g_return_val_if_fail (OPENSORA_IS_HUB (self), NULL);
  environment = get_environment (self);
  return g_strdup (environment->endpoint);
}

/**
 * opensora_hub_get_local_files_only: (get-property local-files-only)
 * @self: a hub
 *
 * Returns: whether the network is never used; the environment may say so
 *   although this does not
 *
 * Since: 0.1
 */
gboolean
opensora_hub_get_local_files_only (OpensoraHub *self)
{
  g_return_val_if_fail (OPENSORA_IS_HUB (self), TRUE);
  return self->local_files_only;
}

/* --- Calls --- */

/* What a call needs; its request points to the rest. */
typedef struct {
  OsHubEnvironment *environment;
  OsHubCache *cache;
  OsHubHttp *http;
  OsTask *task;
  OsHubRequest request;
} Call;

static void
call_end (Call *call)
{
  g_clear_pointer (&call->task, os_task_free);
  g_clear_pointer (&call->http, os_hub_http_free);
  g_clear_pointer (&call->cache, os_hub_cache_free);
  g_clear_pointer (&call->environment, os_hub_environment_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Call, call_end)

/* Checks the names before anything else happens. A call that needs no network
 * gives no task. */
static gboolean
call_begin (Call *call, OpensoraHub *self, const char *repo,
    const char *revision, const char *filename, OsTask *task, GError **error)
{
  revision = revision != NULL ? revision : DEFAULT_REVISION;
  call->task = task;
  if (!os_hub_check_repo (repo, error)
      || !os_hub_check_revision (revision, error)
      || (filename != NULL && !os_hub_check_filename (filename, error)))
    return FALSE;
  call->environment = get_environment (self);
  call->cache = os_hub_cache_new (call->environment, repo);
  if (task != NULL && !call->environment->offline) {
    call->http = os_hub_http_new (call->environment, error);
    if (call->http == NULL)
      return FALSE;
  }
  call->request = (OsHubRequest){ call->environment, call->cache, call->http,
    repo, revision, call->task };
  return TRUE;
}

/**
 * opensora_hub_resolve:
 * @self: a hub
 * @repo: repository, "namespace/name"
 * @revision: (nullable): branch, tag, commit, or `refs/pr/N`; %NULL for "main"
 * @filename: path of a file from the top of the repository
 * @error: return location for a #GError
 *
 * Looks a file up in the cache. Nothing is asked, locked or written.
 *
 * Returns: (transfer full) (type filename): its local path, or %NULL and an
 *   error: %OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND,
 *   %OPENSORA_HUB_ERROR_INVALID_ARGUMENT
 *
 * Since: 0.1
 */
char *
opensora_hub_resolve (OpensoraHub *self, const char *repo, const char *revision,
    const char *filename, GError **error)
{
  g_auto (Call) call = { 0 };

  g_return_val_if_fail (OPENSORA_IS_HUB (self), NULL);
  g_return_val_if_fail (repo != NULL && filename != NULL, NULL);
  if (!call_begin (&call, self, repo, revision, filename, NULL, error))
    return NULL;
  return os_hub_fetch (&call.request, filename, error);
}

/**
 * opensora_hub_download:
 * @self: a hub
 * @repo: repository, "namespace/name"
 * @revision: (nullable): branch, tag, commit, or `refs/pr/N`; %NULL for "main"
 * @filename: path of a file from the top of the repository
 * @cancellable: (nullable): a #GCancellable
 * @progress: (nullable) (scope call) (closure user_data): told how many bytes
 *   there are, of stage %OPENSORA_STAGE_DOWNLOAD
 * @user_data: closure of @progress
 * @error: return location for a #GError
 *
 * Makes a file available. A commit that is in the cache is taken from there
 * without a request; of other revisions the hub is asked which commit they are,
 * and the cache helps out if the hub does not answer. A download that was
 * interrupted, by whatever, is continued.
 *
 * Returns: (transfer full) (type filename): its local path, or %NULL and an
 *   error of %OPENSORA_HUB_ERROR, or %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
char *
opensora_hub_download (OpensoraHub *self, const char *repo,
    const char *revision, const char *filename, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer user_data, GError **error)
{
  g_auto (Call) call = { 0 };

  g_return_val_if_fail (OPENSORA_IS_HUB (self), NULL);
  g_return_val_if_fail (repo != NULL && filename != NULL, NULL);
  if (!call_begin (&call, self, repo, revision, filename,
          os_task_new (cancellable, progress, user_data), error))
    return NULL;
  return os_hub_fetch (&call.request, filename, error);
}

/**
 * opensora_hub_download_component:
 * @self: a hub
 * @repo: repository, "namespace/name"
 * @revision: (nullable): branch, tag, commit, or `refs/pr/N`; %NULL for "main"
 * @subfolder: (nullable): folder of the component in the repository, %NULL for
 *   its top
 * @component: which files it has
 * @variant: (nullable): a variant of the weights, such as "fp16"
 * @cancellable: (nullable): a #GCancellable
 * @progress: (nullable) (scope call) (closure user_data): told how many bytes
 *   of all files there are, of stage %OPENSORA_STAGE_DOWNLOAD
 * @user_data: closure of @progress
 * @error: return location for a #GError
 *
 * Makes the files of a component available, all of one commit, and no others.
 *
 * Returns: (transfer full) (array zero-terminated=1) (element-type filename):
 *   their local paths, the configuration first; they are in one folder. %NULL
 *   and an error as opensora_hub_download() reports them, or
 *   %OPENSORA_ERROR_FORMAT for an index of shards that is none.
 *
 * Since: 0.1
 */
char **
opensora_hub_download_component (OpensoraHub *self, const char *repo,
    const char *revision, const char *subfolder, OpensoraHubComponent component,
    const char *variant, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer user_data, GError **error)
{
  g_auto (Call) call = { 0 };

  g_return_val_if_fail (OPENSORA_IS_HUB (self), NULL);
  g_return_val_if_fail (repo != NULL, NULL);
  if (!call_begin (&call, self, repo, revision, subfolder,
          os_task_new (cancellable, progress, user_data), error))
    return NULL;
  return os_hub_fetch_component (
      &call.request, subfolder, component, variant, error);
}

/**
 * opensora_hub_list_files:
 * @self: a hub
 * @repo: repository, "namespace/name"
 * @revision: (nullable): branch, tag, commit, or `refs/pr/N`; %NULL for "main"
 * @cancellable: (nullable): a #GCancellable
 * @error: return location for a #GError
 *
 * Returns: (transfer full) (array zero-terminated=1): paths of the files of the
 *   revision, from the top of the repository; those in the cache if the hub
 *   does not answer or must not be asked. %NULL and an error of
 *   %OPENSORA_HUB_ERROR, or %G_IO_ERROR_CANCELLED.
 *
 * Since: 0.1
 */
char **
opensora_hub_list_files (OpensoraHub *self, const char *repo,
    const char *revision, GCancellable *cancellable, GError **error)
{
  g_auto (Call) call = { 0 };
  g_autoptr (OsHubListing) listing = NULL;

  g_return_val_if_fail (OPENSORA_IS_HUB (self), NULL);
  g_return_val_if_fail (repo != NULL, NULL);
  if (!call_begin (&call, self, repo, revision, NULL,
          os_task_new (cancellable, NULL, NULL), error))
    return NULL;
  listing = os_hub_listing_get (&call.request, error);
  return listing != NULL ? g_steal_pointer (&listing->names) : NULL;
}

/* The etag of a cached file: its link says it, or the hub. */
static char *
get_etag (const OsHubRequest *request, const char *path, const char *filename,
    GError **error)
{
  g_autofree char *etag = os_hub_cache_etag (path);
  g_auto (OsHubMetadata) metadata = { 0 };

  if (etag != NULL)
    return g_steal_pointer (&etag);
  if (request->http == NULL) {
    g_set_error (error, OPENSORA_HUB_ERROR,
        OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND,
        "%s: the cache has no hash of this file; allow to ask the hub", path);
    return NULL;
  }
  if (!os_hub_request_metadata (request, filename, &metadata, error))
    return NULL;
  return g_steal_pointer (&metadata.etag);
}

/**
 * opensora_hub_verify:
 * @self: a hub
 * @repo: repository, "namespace/name"
 * @revision: (nullable): branch, tag, commit, or `refs/pr/N`; %NULL for "main"
 * @filename: path of a file from the top of the repository
 * @cancellable: (nullable): a #GCancellable
 * @progress: (nullable) (scope call) (closure user_data): told how many bytes
 *   were read, of stage %OPENSORA_STAGE_DOWNLOAD
 * @user_data: closure of @progress
 * @error: return location for a #GError
 *
 * Reads a file of the cache and compares its hash with the one that the hub
 * names it by. The cache has that hash unless the file system has no symbolic
 * links; then the hub is asked.
 *
 * Returns: %TRUE if it is right; %FALSE and %OPENSORA_HUB_ERROR_INTEGRITY,
 *   %OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND, %OPENSORA_HUB_ERROR_IO or
 *   %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
opensora_hub_verify (OpensoraHub *self, const char *repo, const char *revision,
    const char *filename, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer user_data, GError **error)
{
  g_auto (Call) call = { 0 };
  g_autofree char *path = NULL;
  g_autofree char *etag = NULL;

  g_return_val_if_fail (OPENSORA_IS_HUB (self), FALSE);
  g_return_val_if_fail (repo != NULL && filename != NULL, FALSE);
  if (!call_begin (&call, self, repo, revision, filename,
          os_task_new (cancellable, progress, user_data), error))
    return FALSE;
  path = os_hub_cache_find (call.cache, call.request.revision, filename);
  if (path == NULL) {
    os_hub_request_fail_local (&call.request, filename, error);
    return FALSE;
  }
  etag = get_etag (&call.request, path, filename, error);
  return etag != NULL && os_hub_verify (path, etag, call.task, error);
}

/**
 * opensora_hub_verify_local:
 * @folder: (type filename): a folder that `hf download --local-dir` made
 * @filename: path of a file from the top of the folder
 * @cancellable: (nullable): a #GCancellable
 * @progress: (nullable) (scope call) (closure user_data): told how many bytes
 *   were read, of stage %OPENSORA_STAGE_DOWNLOAD
 * @user_data: closure of @progress
 * @error: return location for a #GError
 *
 * Reads a file and compares its hash with the one that was recorded beside it
 * when it was downloaded. Nothing is asked or written.
 *
 * Returns: %TRUE if it is right; %FALSE and %OPENSORA_HUB_ERROR_INTEGRITY,
 *   %OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND, %OPENSORA_HUB_ERROR_IO,
 *   %OPENSORA_HUB_ERROR_INVALID_ARGUMENT or %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
opensora_hub_verify_local (const char *folder, const char *filename,
    GCancellable *cancellable, OpensoraProgressFunc progress,
    gpointer user_data, GError **error)
{
  g_autoptr (OsTask) task = NULL;
  g_autofree char *path = NULL;
  g_autofree char *etag = NULL;

  g_return_val_if_fail (folder != NULL && filename != NULL, FALSE);
  if (!os_hub_check_filename (filename, error))
    return FALSE;
  etag = os_hub_local_etag (folder, filename, error);
  if (etag == NULL)
    return FALSE;
  task = os_task_new (cancellable, progress, user_data);
  path = g_build_filename (folder, filename, NULL);
  return os_hub_verify (path, etag, task, error);
}
