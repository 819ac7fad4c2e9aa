/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a whole checkpoint, of any format. */
#include "fuzz.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_auto (FuzzFile) file = { -1 };
  g_autoptr (OsCheckpoint) checkpoint = NULL;
  g_autoptr (GError) error = NULL;

  fuzz_file_init (&file, data, size);
  checkpoint = os_checkpoint_open (file.path, &error);
  if (checkpoint == NULL) {
    fuzz_check_error (error, file.path);
    return 0;
  }
  fuzz_check (checkpoint);
  if (!os_checkpoint_verify (checkpoint, NULL, &error))
    fuzz_check_error (error, file.path);
  return 0;
}
