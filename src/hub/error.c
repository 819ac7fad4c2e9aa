/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's error domain, and waiting that can be cancelled. */
#include "hub/error.h"

#include <errno.h>
#include <opensora/opensora.h>

/* It takes the hyphens for minus signs. */
/* clang-format off */
G_DEFINE_QUARK (opensora-hub-error-quark, opensora_hub_error)
/* clang-format on */

/**
 * opensora_hub_error_get_name:
 * @code: a code of %OPENSORA_HUB_ERROR
 *
 * Returns: (transfer none): the name that other clients of the hub use for this
 *   class of failure: "RepositoryNotFound", "Network", ...
 *
 * Since: 0.1
 */
const char *
opensora_hub_error_get_name (OpensoraHubError code)
{
  static const char *const names[] = {
    [OPENSORA_HUB_ERROR_REPOSITORY_NOT_FOUND] = "RepositoryNotFound",
    [OPENSORA_HUB_ERROR_GATED_REPO] = "GatedRepo",
    [OPENSORA_HUB_ERROR_UNAUTHORIZED] = "Unauthorized",
    [OPENSORA_HUB_ERROR_REVISION_NOT_FOUND] = "RevisionNotFound",
    [OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND] = "EntryNotFound",
    [OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND] = "LocalEntryNotFound",
    [OPENSORA_HUB_ERROR_INVALID_ARGUMENT] = "InvalidArgument",
    [OPENSORA_HUB_ERROR_NETWORK] = "Network",
    [OPENSORA_HUB_ERROR_TLS] = "Tls",
    [OPENSORA_HUB_ERROR_HTTP] = "Http",
    [OPENSORA_HUB_ERROR_INTEGRITY] = "Integrity",
    [OPENSORA_HUB_ERROR_NO_SPACE] = "NoSpace",
    [OPENSORA_HUB_ERROR_IO] = "Io",
  };

  g_return_val_if_fail ((guint) code < G_N_ELEMENTS (names), NULL);
  return names[code];
}

gboolean
os_hub_fail_io (GError **error, const char *path, const char *what)
{
  int code = errno;
  gboolean full = code == ENOSPC || code == EDQUOT;

  g_set_error (error, OPENSORA_HUB_ERROR,
      full ? OPENSORA_HUB_ERROR_NO_SPACE : OPENSORA_HUB_ERROR_IO,
      "%s cannot be %s: %s%s", path, what, g_strerror (code),
      full ? "; make room, or choose another cache folder with HF_HUB_CACHE"
           : "");
  return FALSE;
}

gboolean
os_hub_wait (guint milliseconds, GCancellable *cancellable, GError **error)
{
  GPollFD poll;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (g_cancellable_make_pollfd (cancellable, &poll)) {
    g_poll (&poll, 1, milliseconds);
    g_cancellable_release_fd (cancellable);
  } else
    g_usleep (milliseconds * 1000ul);
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}
