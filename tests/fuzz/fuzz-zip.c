/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a zip archive, whose directory is read. */
#include "weights/zip.h"

#include <string.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (OsZip) zip = os_zip_open (data, size, "input", &error);

  if (zip == NULL) {
    fuzz_check_error (error, "input");
    return 0;
  }
  for (guint i = 0; i < os_zip_get_n_records (zip); i++) {
    const OsZipRecord *record = os_zip_get_record (zip, i);

    g_assert_true (os_zip_find (zip, record->name) == record);
    g_assert_cmpint (record->offset, >=, 0);
    g_assert_cmpint (record->size, >=, 0);
    g_assert_cmpint (record->offset, <=, size);
    g_assert_cmpint (record->size, <=, size - record->offset);
    g_assert_true (g_utf8_validate (record->name, -1, NULL));
    g_assert_null (strstr (record->name, "../"));
  }
  return 0;
}
