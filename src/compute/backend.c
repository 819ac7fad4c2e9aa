/* SPDX-License-Identifier: Apache-2.0 */
/* Choice of the matrix backend. */
#include "compute/backend.h"

#include <opensora/opensora.h>

#include "compute/cpu.h"

/* In the order of preference where the tiles of "builtin" are not known to be
 * faster; plain C only serves who asks for it. */
static const struct {
  const char *name;
  const OsBackend *(*get) (GError **error);
  gboolean automatic;
} backends[] = {
  { "builtin", os_backend_builtin, FALSE },
#ifdef HAVE_ONEDNN
  { "onednn", os_backend_onednn, TRUE },
#endif
  { "openblas", os_backend_openblas, TRUE },
  { "ref", os_backend_ref, FALSE },
};

static const OsBackend *
find_named (const char *name, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (backends); i++) {
    if (g_str_equal (name, backends[i].name))
      return backends[i].get (error);
  }
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_BACKEND,
      "There is no compute backend \"%s\" in this build; use builtin, "
      "openblas, "
#ifdef HAVE_ONEDNN
      "onednn "
#endif
      "or ref",
      name);
  return NULL;
}

const OsBackend *
os_backend_find (const char *name, GError **error)
{
  g_autoptr (GError) first = NULL;

  if (!name)
    name = g_getenv ("OPENSORA_BACKEND");
  if (name && *name)
    return find_named (name, error);

  if (os_cpu_has_fast_tiles ())
    return os_backend_builtin (error);
  for (gsize i = 0; i < G_N_ELEMENTS (backends); i++) {
    const OsBackend *backend = NULL;

    if (backends[i].automatic)
      backend = backends[i].get (first ? NULL : &first);
    if (backend)
      return backend;
  }
  g_propagate_error (error, g_steal_pointer (&first));
  return NULL;
}
