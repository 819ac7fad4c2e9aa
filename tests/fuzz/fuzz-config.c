/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a config file in Python. Its values as JSON are the same when
 * they are read again. */
#include <string.h>

#include "base/json.h"
#include "fuzz.h"
#include "settings/json-text.h"
#include "settings/python-literals.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) config =
      os_python_parse ((const char *) data, size, "input", &error);
  g_autoptr (JsonObject) again = NULL;
  g_autofree char *text = NULL;
  g_autofree char *text_again = NULL;

  if (config == NULL) {
    fuzz_check_error (error, "input");
    return 0;
  }
  text = os_json_text (config);
  again = os_json_parse (text, strlen (text), "output", &error);
  g_assert_no_error (error);
  text_again = os_json_text (again);
  g_assert_cmpstr (text, ==, text_again);
  return 0;
}
