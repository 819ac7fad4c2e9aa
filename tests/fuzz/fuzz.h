/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share. A target is one LLVMFuzzerTestOneInput(), which
 * libFuzzer calls, or driver.c where there is no libFuzzer. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "weights/checkpoint.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* A file in memory that has a path while it is open. */
typedef struct {
  int fd;
  char *path;
} FuzzFile;

void fuzz_file_init (FuzzFile *file, const uint8_t *data, size_t size);
void fuzz_file_clear (FuzzFile *file);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (FuzzFile, fuzz_file_clear)

/* Holds that a failure says why, with a message that names `path`. */
void fuzz_check_error (const GError *error, const char *path);
/* Holds that a checkpoint is consistent, and reads the bytes of its tensors. */
void fuzz_check (const OsCheckpoint *checkpoint);
