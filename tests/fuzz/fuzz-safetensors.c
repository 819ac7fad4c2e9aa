/* SPDX-License-Identifier: Apache-2.0 */
/* The input is the header of a safetensors file, without its length, which
 * mutations would only break; 32 bytes of data follow. */
#include <string.h>

#include "fuzz.h"
#include "weights/safetensors.h"

#define DATA_SIZE 32

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const guint8 zeros[DATA_SIZE] = { 0 };
  guint64 length = GUINT64_TO_LE (size);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_auto (FuzzFile) file = { -1 };
  g_autoptr (OsCheckpoint) checkpoint = NULL;
  g_autoptr (GError) error = NULL;

  g_byte_array_append (bytes, (const guint8 *) &length, sizeof length);
  g_byte_array_append (bytes, data, size);
  g_byte_array_append (bytes, zeros, sizeof zeros);
  fuzz_file_init (&file, bytes->data, bytes->len);
  checkpoint = os_checkpoint_new (file.path, "safetensors");
  if (os_safetensors_read (checkpoint, file.path, &error))
    fuzz_check (checkpoint);
  else
    fuzz_check_error (error, file.path);
  return 0;
}
