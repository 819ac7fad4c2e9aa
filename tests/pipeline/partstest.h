/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of a test's own, with a hub's cache in it, both filled with links to
 * files of the demo model. */
#pragma once

#include "pipeline/parts.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

#define TRANSFORMER_REPO "hpcai-tech/OpenSora-STDiT-v3"
#define VAE_REPO "hpcai-tech/OpenSora-VAE-v1.2"
#define T5_REPO "DeepFloyd/t5-v1_1-xxl"

#define TRANSFORMER "models--hpcai-tech--OpenSora-STDiT-v3"
#define VAE "models--hpcai-tech--OpenSora-VAE-v1.2"
#define T5 "models--DeepFloyd--t5-v1_1-xxl"

typedef struct {
  char *folder;
  char *cache;
  OsParts parts;
  GError *error;
} PartsTest;

void partstest_set_up (PartsTest *f, gconstpointer data);
void partstest_tear_down (PartsTest *f, gconstpointer data);
void partstest_remove (const char *path);

/* A path below the test's folder; never freed. */
const char *partstest_path (PartsTest *f, const char *name);
/* A link in `folder` below the test's own to a file of the demo model. */
void partstest_link (
    PartsTest *f, const char *folder, const char *part, const char *file);
/* The same for the files of a part that is no tokenizer. */
void partstest_link_part (PartsTest *f, const char *folder, const char *part);

/* A file of a repository in the cache. `prefix` is the folder in the
 * repository, `part` that of the demo model. */
void partstest_put (PartsTest *f, const char *repo, const char *prefix,
    const char *part, const char *file);
void partstest_put_part (
    PartsTest *f, const char *repo, const char *prefix, const char *part);
/* The three repositories of Open-Sora 1.2. */
void partstest_put_release (PartsTest *f);

/* The message of the test's error has this in it. */
void partstest_assert_says (PartsTest *f, const char *word);
