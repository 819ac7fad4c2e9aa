/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of OpensoraPipeline share. */
#pragma once

#include <opensora/opensora.h>

#include "pipeline/generate.h"

struct _OpensoraPipeline {
  GObject parent_instance;
  char *model;
  char *parts[OS_N_PARTS];
  char *backend;
  guint n_threads;
  char *revision;
  char *cache_dir;
  gboolean local_files_only;
  guint64 memory_limit; /* 0: none */
  OpensoraConfig *config;
  char *configured[OS_N_PARTS]; /* by the config; set when it is loaded */

  GMutex lock; /* held while loading and generating */
  OsCompute *compute;
  OsBundle *bundle;
  char *commit;
  guint preview_interval;
  OpensoraPreviewFunc preview;
  gpointer preview_data;
  GDestroyNotify preview_destroy;

  GMutex tail_lock; /* inside of the other; for what is quick */
  OsTail tail;      /* of the last clip */
};

/* FALSE, and OPENSORA_ERROR_MEMORY, if the clip needs more than the limit. */
gboolean os_budget_check (
    OpensoraPipeline *self, OpensoraParams *resolved, GError **error);
