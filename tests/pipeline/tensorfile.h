/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints with the names and shapes of published ones, all zeros, or of
 * small ones, with random numbers. */
#pragma once

#include <glib.h>

/* A safetensors file of the network that tests/data/weights/published/NAME.txt
 * lists, at its full size: its zeros take no space on the disk. */
void tensorfile_write_published (const char *path, const char *name);
/* A safetensors file of the network that tests/data/pipeline/NAME.txt lists,
 * with random numbers, the same for the same name. */
void tensorfile_write_random (const char *path, const char *name);
/* A safetensors file of tensors of one number; NULL-terminated. */
void tensorfile_write (const char *path, const char *const *names);
