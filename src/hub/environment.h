/* SPDX-License-Identifier: Apache-2.0 */
/* OsHubEnvironment: what the environment variables of huggingface_hub say,
 * read when a call begins. A variable that is empty counts as unset. */
#pragma once

#include <gio/gio.h>

typedef struct {
  char *cache_dir; /* absolute */
  char *endpoint;  /* URL without a slash at its end */
  char *token;     /* NULL: none */
  char *user_agent;
  char *ca_path;           /* NULL: the certificates of the system */
  const char *ca_variable; /* that says so */
  gboolean offline;        /* no socket is opened */
  gboolean no_symlinks;
  guint metadata_timeout; /* seconds of silence */
  guint download_timeout;
} OsHubEnvironment;

/* NULL and FALSE leave it to the environment. */
OsHubEnvironment *os_hub_environment_new (
    const char *cache_dir, const char *endpoint, gboolean local_files_only);
void os_hub_environment_free (OsHubEnvironment *environment);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsHubEnvironment, os_hub_environment_free)

/* From http_proxy, https_proxy, all_proxy and no_proxy. GLib's own resolver
 * needs a module for them, and does not know all_proxy. */
GProxyResolver *os_hub_environment_proxies (void);
