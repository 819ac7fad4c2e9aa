/* SPDX-License-Identifier: Apache-2.0 */
/* OpensoraHub without waiting: every blocking call in a thread of GIO's, its
 * progress and its end in the main context of whoever asked. */
#include <opensora/opensora.h>

/* --- Progress --- */

/* Leads from the thread to the caller's context. Only the newest report waits
 * there: a busy main loop must not be flooded. Those who hold it are the task,
 * until its callback, and the report that waits. */
typedef struct {
  OpensoraProgressFunc progress;
  gpointer progress_data;
  GDestroyNotify destroy;
  GAsyncReadyCallback callback;
  gpointer user_data;
  GMainContext *context;
  GMutex lock;
  gboolean waiting;
  OpensoraStage stage;
  guint64 done;
  guint64 total;
} Relay;

static void
relay_clear (Relay *relay)
{
  if (relay->destroy != NULL)
    relay->destroy (relay->progress_data);
  g_main_context_unref (relay->context);
  g_mutex_clear (&relay->lock);
}

static void
relay_release (gpointer relay)
{
  g_atomic_rc_box_release_full (relay, (GDestroyNotify) relay_clear);
}

static Relay *
relay_new (OpensoraProgressFunc progress, gpointer progress_data,
    GDestroyNotify destroy, GAsyncReadyCallback callback, gpointer user_data)
{
  Relay *relay = g_atomic_rc_box_new0 (Relay);

  relay->progress = progress;
  relay->progress_data = progress_data;
  relay->destroy = destroy;
  relay->callback = callback;
  relay->user_data = user_data;
  relay->context = g_main_context_ref_thread_default ();
  g_mutex_init (&relay->lock);
  return relay;
}

static gboolean
deliver (gpointer data)
{
  Relay *relay = data;
  OpensoraStage stage;
  guint64 done, total;

  g_mutex_lock (&relay->lock);
  relay->waiting = FALSE;
  stage = relay->stage;
  done = relay->done;
  total = relay->total;
  g_mutex_unlock (&relay->lock);
  relay->progress (stage, done, total, relay->progress_data);
  return G_SOURCE_REMOVE;
}

/* In the thread. The priority is that of the task's end, which therefore comes
 * after the last report. */
static void
report (OpensoraStage stage, guint64 done, guint64 total, gpointer data)
{
  Relay *relay = data;
  g_autoptr (GSource) source = NULL;

  g_mutex_lock (&relay->lock);
  relay->stage = stage;
  relay->done = done;
  relay->total = total;
  if (!relay->waiting)
    source = g_idle_source_new ();
  relay->waiting = TRUE;
  g_mutex_unlock (&relay->lock);
  if (source == NULL)
    return;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (
      source, deliver, g_atomic_rc_box_acquire (relay), relay_release);
  g_source_attach (source, relay->context);
}

/* --- Calls --- */

typedef struct {
  char *repo;
  char *revision;
  char *name; /* of a file or a subfolder */
  OpensoraHubComponent component;
  char *variant;
  Relay *relay; /* alive until the end of the thread */
} Call;

static void
call_free (gpointer data)
{
  Call *call = data;

  g_free (call->repo);
  g_free (call->revision);
  g_free (call->name);
  g_free (call->variant);
  g_free (call);
}

static Call *
call_new (const char *repo, const char *revision, const char *name)
{
  Call *call = g_new0 (Call, 1);

  call->repo = g_strdup (repo);
  call->revision = g_strdup (revision);
  call->name = g_strdup (name);
  return call;
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Relay *relay = data;

  if (relay->callback != NULL)
    relay->callback (source, result, relay->user_data);
  relay_release (relay);
}

/* What the thread has achieved counts, though it was cancelled meanwhile. */
static void
start (OpensoraHub *self, Call *call, Relay *relay, GCancellable *cancellable,
    GTaskThreadFunc func)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, on_done, relay);

  call->relay = relay;
  g_task_set_source_tag (task, func);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, call, call_free);
  g_task_run_in_thread (task, func);
}

static OpensoraProgressFunc
get_report (const Call *call)
{
  return call->relay->progress != NULL ? report : NULL;
}

/* The last thing of a thread; takes what it gets. */
static void
end (GTask *task, gpointer result, GDestroyNotify destroy, GError *error)
{
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, result, destroy);
}

static gpointer
finish (OpensoraHub *self, GAsyncResult *result, GTaskThreadFunc func,
    GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (
      g_async_result_is_tagged (result, (gpointer) func), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- One file --- */

static void
download (GTask *task, gpointer self, gpointer data, GCancellable *cancellable)
{
  const Call *call = data;
  GError *error = NULL;
  char *path = opensora_hub_download (self, call->repo, call->revision,
      call->name, cancellable, get_report (call), call->relay, &error);

  end (task, path, g_free, error);
}

/**
 * opensora_hub_download_async:
 * @self: a hub
 * @repo: repository, "namespace/name"
 * @revision: (nullable): branch, tag, commit, or `refs/pr/N`; %NULL for "main"
 * @filename: path of a file from the top of the repository
 * @cancellable: (nullable): a #GCancellable
 * @progress: (nullable) (scope notified) (closure progress_data)
 *   (destroy progress_destroy): told how many bytes there are, of stage
 *   %OPENSORA_STAGE_DOWNLOAD; not of every step if the main loop is busy
 * @progress_data: closure of @progress
 * @progress_destroy: frees @progress_data, after @callback
 * @callback: (scope async) (closure user_data): called when it is done
 * @user_data: closure of @callback
 *
 * Makes a file available, as [method@Hub.download] does, without waiting for
 * it. @progress and @callback are called in the thread-default main context of
 * the caller.
 *
 * Since: 0.1
 */
void
opensora_hub_download_async (OpensoraHub *self, const char *repo,
    const char *revision, const char *filename, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer progress_data,
    GDestroyNotify progress_destroy, GAsyncReadyCallback callback,
    gpointer user_data)
{
  g_return_if_fail (OPENSORA_IS_HUB (self));
  g_return_if_fail (repo != NULL && filename != NULL);
  start (self, call_new (repo, revision, filename),
      relay_new (
          progress, progress_data, progress_destroy, callback, user_data),
      cancellable, download);
}

/**
 * opensora_hub_download_finish:
 * @self: a hub
 * @result: what the callback was given
 * @error: return location for a #GError
 *
 * Returns: (transfer full) (type filename): the local path, or %NULL and an
 *   error as opensora_hub_download() reports them
 *
 * Since: 0.1
 */
char *
opensora_hub_download_finish (
    OpensoraHub *self, GAsyncResult *result, GError **error)
{
  return finish (self, result, download, error);
}

/* --- A component --- */

static void
download_component (
    GTask *task, gpointer self, gpointer data, GCancellable *cancellable)
{
  const Call *call = data;
  GError *error = NULL;
  char **paths = opensora_hub_download_component (self, call->repo,
      call->revision, call->name, call->component, call->variant, cancellable,
      get_report (call), call->relay, &error);

  end (task, paths, (GDestroyNotify) g_strfreev, error);
}

/**
 * opensora_hub_download_component_async:
 * @self: a hub
 * @repo: repository, "namespace/name"
 * @revision: (nullable): branch, tag, commit, or `refs/pr/N`; %NULL for "main"
 * @subfolder: (nullable): folder of the component in the repository, %NULL for
 *   its top
 * @component: which files it has
 * @variant: (nullable): a variant of the weights, such as "fp16"
 * @cancellable: (nullable): a #GCancellable
 * @progress: (nullable) (scope notified) (closure progress_data)
 *   (destroy progress_destroy): told how many bytes of all files there are, of
 *   stage %OPENSORA_STAGE_DOWNLOAD; not of every step if the main loop is busy
 * @progress_data: closure of @progress
 * @progress_destroy: frees @progress_data, after @callback
 * @callback: (scope async) (closure user_data): called when it is done
 * @user_data: closure of @callback
 *
 * Makes the files of a component available, as
 * [method@Hub.download_component] does, without waiting for them. @progress and
 * @callback are called in the thread-default main context of the caller.
 *
 * Since: 0.1
 */
void
opensora_hub_download_component_async (OpensoraHub *self, const char *repo,
    const char *revision, const char *subfolder, OpensoraHubComponent component,
    const char *variant, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer progress_data,
    GDestroyNotify progress_destroy, GAsyncReadyCallback callback,
    gpointer user_data)
{
  Call *call;

  g_return_if_fail (OPENSORA_IS_HUB (self));
  g_return_if_fail (repo != NULL);
  call = call_new (repo, revision, subfolder);
  call->component = component;
  call->variant = g_strdup (variant);
  start (self, call,
      relay_new (
          progress, progress_data, progress_destroy, callback, user_data),
      cancellable, download_component);
}

/**
 * opensora_hub_download_component_finish:
 * @self: a hub
 * @result: what the callback was given
 * @error: return location for a #GError
 *
 * Returns: (transfer full) (array zero-terminated=1) (element-type filename):
 *   the local paths, or %NULL and an error, as
 *   opensora_hub_download_component() returns them
 *
 * Since: 0.1
 */
char **
opensora_hub_download_component_finish (
    OpensoraHub *self, GAsyncResult *result, GError **error)
{
  return finish (self, result, download_component, error);
}

/* --- The list of files --- */

static void
list_files (
    GTask *task, gpointer self, gpointer data, GCancellable *cancellable)
{
  const Call *call = data;
  GError *error = NULL;
  char **names = opensora_hub_list_files (
      self, call->repo, call->revision, cancellable, &error);

  end (task, names, (GDestroyNotify) g_strfreev, error);
}

/**
 * opensora_hub_list_files_async:
 * @self: a hub
 * @repo: repository, "namespace/name"
 * @revision: (nullable): branch, tag, commit, or `refs/pr/N`; %NULL for "main"
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (closure user_data): called when it is done
 * @user_data: closure of @callback
 *
 * Lists files as [method@Hub.list_files] does, without waiting for the hub.
 * @callback is called in the thread-default main context of the caller.
 *
 * Since: 0.1
 */
void
opensora_hub_list_files_async (OpensoraHub *self, const char *repo,
    const char *revision, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (OPENSORA_IS_HUB (self));
  g_return_if_fail (repo != NULL);
  start (self, call_new (repo, revision, NULL),
      relay_new (NULL, NULL, NULL, callback, user_data), cancellable,
      list_files);
}

/**
 * opensora_hub_list_files_finish:
 * @self: a hub
 * @result: what the callback was given
 * @error: return location for a #GError
 *
 * Returns: (transfer full) (array zero-terminated=1): paths of the files from
 *   the top of the repository, or %NULL and an error as
 *   opensora_hub_list_files() reports them
 *
 * Since: 0.1
 */
char **
opensora_hub_list_files_finish (
    OpensoraHub *self, GAsyncResult *result, GError **error)
{
  return finish (self, result, list_files, error);
}

/* --- Verifying --- */

static void
verify (GTask *task, gpointer self, gpointer data, GCancellable *cancellable)
{
  const Call *call = data;
  GError *error = NULL;
  gboolean good = opensora_hub_verify (self, call->repo, call->revision,
      call->name, cancellable, get_report (call), call->relay, &error);

  end (task, GINT_TO_POINTER (good), NULL, error);
}

/**
 * opensora_hub_verify_async:
 * @self: a hub
 * @repo: repository, "namespace/name"
 * @revision: (nullable): branch, tag, commit, or `refs/pr/N`; %NULL for "main"
 * @filename: path of a file from the top of the repository
 * @cancellable: (nullable): a #GCancellable
 * @progress: (nullable) (scope notified) (closure progress_data)
 *   (destroy progress_destroy): told how many bytes were read, of stage
 *   %OPENSORA_STAGE_DOWNLOAD; not of every step if the main loop is busy
 * @progress_data: closure of @progress
 * @progress_destroy: frees @progress_data, after @callback
 * @callback: (scope async) (closure user_data): called when it is done
 * @user_data: closure of @callback
 *
 * Compares the hash of a file as [method@Hub.verify] does, without waiting for
 * it. @progress and @callback are called in the thread-default main context of
 * the caller.
 *
 * Since: 0.1
 */
void
opensora_hub_verify_async (OpensoraHub *self, const char *repo,
    const char *revision, const char *filename, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer progress_data,
    GDestroyNotify progress_destroy, GAsyncReadyCallback callback,
    gpointer user_data)
{
  g_return_if_fail (OPENSORA_IS_HUB (self));
  g_return_if_fail (repo != NULL && filename != NULL);
  start (self, call_new (repo, revision, filename),
      relay_new (
          progress, progress_data, progress_destroy, callback, user_data),
      cancellable, verify);
}

/**
 * opensora_hub_verify_finish:
 * @self: a hub
 * @result: what the callback was given
 * @error: return location for a #GError
 *
 * Returns: %TRUE if the file is right; %FALSE and an error as
 *   opensora_hub_verify() reports them
 *
 * Since: 0.1
 */
gboolean
opensora_hub_verify_finish (
    OpensoraHub *self, GAsyncResult *result, GError **error)
{
  return finish (self, result, verify, error) != NULL;
}
