/* SPDX-License-Identifier: Apache-2.0 */
#include "paramstest.h"

void
paramstest_set (OpensoraParams *params, const char *property, const char *text)
{
  GType type =
      g_object_class_find_property (G_OBJECT_GET_CLASS (params), property)
          ->value_type;

  if (G_TYPE_IS_ENUM (type)) {
    g_autoptr (GEnumClass) klass = g_type_class_ref (type);

    g_object_set (
        params, property, g_enum_get_value_by_nick (klass, text)->value, NULL);
  } else if (type == G_TYPE_STRING) {
    g_object_set (params, property, text, NULL);
  } else if (type == G_TYPE_DOUBLE) {
    g_object_set (params, property, g_ascii_strtod (text, NULL), NULL);
  } else if (type == G_TYPE_INT64) {
    g_object_set (params, property, g_ascii_strtoll (text, NULL, 10), NULL);
  } else {
    g_object_set (
        params, property, (int) g_ascii_strtoll (text, NULL, 10), NULL);
  }
}
