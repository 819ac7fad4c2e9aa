/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#if !defined(OPENSORA_INSIDE) && !defined(OPENSORA_COMPILATION)
#error "Include <opensora/opensora.h> instead of single headers"
#endif

#include <gio/gio.h>
#include <opensora/opensora-types.h>
#include <opensora/opensora-version.h>

G_BEGIN_DECLS

/**
 * OPENSORA_HUB_ERROR:
 *
 * Error domain of #OpensoraHub. Cancelled calls report %G_IO_ERROR_CANCELLED in
 * the %G_IO_ERROR domain instead.
 *
 * Since: 0.1
 */
#define OPENSORA_HUB_ERROR (opensora_hub_error_quark ())

/**
 * OpensoraHubError:
 * @OPENSORA_HUB_ERROR_REPOSITORY_NOT_FOUND: there is no such repository, or it
 *   is private and the token gives no access
 * @OPENSORA_HUB_ERROR_GATED_REPO: the licence of the repository must be
 *   accepted first; the message names the address
 * @OPENSORA_HUB_ERROR_UNAUTHORIZED: the token is wrong
 * @OPENSORA_HUB_ERROR_REVISION_NOT_FOUND: no such branch, tag or commit
 * @OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND: no such file in this revision
 * @OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND: not in the cache, and the hub may
 *   not be asked
 * @OPENSORA_HUB_ERROR_INVALID_ARGUMENT: not a repository id, revision or file
 *   name
 * @OPENSORA_HUB_ERROR_NETWORK: no connection, a broken one, or silence
 * @OPENSORA_HUB_ERROR_TLS: the certificate of the server is not trusted
 * @OPENSORA_HUB_ERROR_HTTP: another answer than a file
 * @OPENSORA_HUB_ERROR_INTEGRITY: what was received is not what was announced
 * @OPENSORA_HUB_ERROR_NO_SPACE: the disk is too small
 * @OPENSORA_HUB_ERROR_IO: a local file cannot be read or written
 *
 * Codes of %OPENSORA_HUB_ERROR.
 *
 * Since: 0.1
 */
typedef enum {
  OPENSORA_HUB_ERROR_REPOSITORY_NOT_FOUND,
  OPENSORA_HUB_ERROR_GATED_REPO,
  OPENSORA_HUB_ERROR_UNAUTHORIZED,
  OPENSORA_HUB_ERROR_REVISION_NOT_FOUND,
  OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND,
  OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND,
  OPENSORA_HUB_ERROR_INVALID_ARGUMENT,
  OPENSORA_HUB_ERROR_NETWORK,
  OPENSORA_HUB_ERROR_TLS,
  OPENSORA_HUB_ERROR_HTTP,
  OPENSORA_HUB_ERROR_INTEGRITY,
  OPENSORA_HUB_ERROR_NO_SPACE,
  OPENSORA_HUB_ERROR_IO,
} OpensoraHubError;

OPENSORA_API
GQuark opensora_hub_error_quark (void);
OPENSORA_API
const char *opensora_hub_error_get_name (OpensoraHubError code);

/**
 * OpensoraHubComponent:
 * @OPENSORA_HUB_COMPONENT_TRANSFORMERS: a model as the transformers package
 *   saves it: `config.json`; `model.safetensors`, its index, or
 *   `pytorch_model.bin`, its index
 * @OPENSORA_HUB_COMPONENT_DIFFUSERS: a model as the diffusers package saves it:
 *   `config.json`; the index of `diffusion_pytorch_model.safetensors`, that
 *   file, or `diffusion_pytorch_model.bin`
 * @OPENSORA_HUB_COMPONENT_TOKENIZER: a SentencePiece tokenizer: `spiece.model`,
 *   and its configuration if there is one
 *
 * Sets of files that belong together.
 *
 * Since: 0.1
 */
typedef enum {
  OPENSORA_HUB_COMPONENT_TRANSFORMERS,
  OPENSORA_HUB_COMPONENT_DIFFUSERS,
  OPENSORA_HUB_COMPONENT_TOKENIZER,
} OpensoraHubComponent;

#define OPENSORA_TYPE_HUB (opensora_hub_get_type ())
OPENSORA_API
G_DECLARE_FINAL_TYPE (OpensoraHub, opensora_hub, OPENSORA, HUB, GObject)

/**
 * OpensoraHub:
 *
 * Files of models on the Hugging Face hub, and the cache that is shared with
 * the Python packages: what they downloaded is found here, and the other way
 * round. The environment variables that they know (`HF_HOME`, `HF_HUB_CACHE`,
 * `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`, proxies, ...) are read at every
 * call.
 *
 * Every byte that is received is hashed and compared with what the hub
 * announced before the file appears in the cache. Partial downloads are kept
 * and continued. The token is sent to the hub's own host only.
 *
 * Calls may come from any thread, at the same time. They block, but for those
 * whose names end with "async".
 *
 * Since: 0.1
 */

OPENSORA_API
OpensoraHub *opensora_hub_new (
    const char *cache_dir, const char *endpoint, gboolean local_files_only);

OPENSORA_API
char *opensora_hub_dup_cache_dir (OpensoraHub *self);
OPENSORA_API
char *opensora_hub_dup_endpoint (OpensoraHub *self);
OPENSORA_API
gboolean opensora_hub_get_local_files_only (OpensoraHub *self);

OPENSORA_API
char *opensora_hub_resolve (OpensoraHub *self, const char *repo,
    const char *revision, const char *filename, GError **error);

OPENSORA_API
char *opensora_hub_download (OpensoraHub *self, const char *repo,
    const char *revision, const char *filename, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer user_data, GError **error);
OPENSORA_API
void opensora_hub_download_async (OpensoraHub *self, const char *repo,
    const char *revision, const char *filename, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer progress_data,
    GDestroyNotify progress_destroy, GAsyncReadyCallback callback,
    gpointer user_data);
OPENSORA_API
char *opensora_hub_download_finish (
    OpensoraHub *self, GAsyncResult *result, GError **error);

OPENSORA_API
char **opensora_hub_download_component (OpensoraHub *self, const char *repo,
    const char *revision, const char *subfolder, OpensoraHubComponent component,
    const char *variant, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer user_data, GError **error);
OPENSORA_API
void opensora_hub_download_component_async (OpensoraHub *self, const char *repo,
    const char *revision, const char *subfolder, OpensoraHubComponent component,
    const char *variant, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer progress_data,
    GDestroyNotify progress_destroy, GAsyncReadyCallback callback,
    gpointer user_data);
OPENSORA_API
char **opensora_hub_download_component_finish (
    OpensoraHub *self, GAsyncResult *result, GError **error);

OPENSORA_API
char **opensora_hub_list_files (OpensoraHub *self, const char *repo,
    const char *revision, GCancellable *cancellable, GError **error);
OPENSORA_API
void opensora_hub_list_files_async (OpensoraHub *self, const char *repo,
    const char *revision, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data);
OPENSORA_API
char **opensora_hub_list_files_finish (
    OpensoraHub *self, GAsyncResult *result, GError **error);

OPENSORA_API
gboolean opensora_hub_verify (OpensoraHub *self, const char *repo,
    const char *revision, const char *filename, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer user_data, GError **error);
OPENSORA_API
void opensora_hub_verify_async (OpensoraHub *self, const char *repo,
    const char *revision, const char *filename, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer progress_data,
    GDestroyNotify progress_destroy, GAsyncReadyCallback callback,
    gpointer user_data);
OPENSORA_API
gboolean opensora_hub_verify_finish (
    OpensoraHub *self, GAsyncResult *result, GError **error);

OPENSORA_API
gboolean opensora_hub_verify_local (const char *folder, const char *filename,
    GCancellable *cancellable, OpensoraProgressFunc progress,
    gpointer user_data, GError **error);

G_END_DECLS
