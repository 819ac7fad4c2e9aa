/* SPDX-License-Identifier: Apache-2.0 */
/* This library's own products, beside the fastest library for what they are not
 * made for. */
#include "compute/backend.h"

const OsBackend *
os_backend_builtin (GError **error)
{
  static OsBackend builtin = { "builtin" };
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    const OsBackend *library = NULL;
#ifdef HAVE_ONEDNN
    library = os_backend_onednn (NULL);
#endif
    if (!library)
      library = os_backend_openblas (NULL);
    if (!library)
      library = os_backend_ref (NULL);
    builtin = *library;
    builtin.name = "builtin";
    builtin.tiles = TRUE;
    g_once_init_leave (&once, 1);
  }
  return &builtin;
}
