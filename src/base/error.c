/* SPDX-License-Identifier: Apache-2.0 */
/* The error domain, and the names of stages. */
#include <opensora/opensora.h>

/* It takes the hyphens for minus signs. */
/* clang-format off */
G_DEFINE_QUARK (opensora-error-quark, opensora_error)
/* clang-format on */

const char *
opensora_stage_get_name (OpensoraStage stage)
{
  static const char *const names[] = { "load", "reference", "encode", "sample",
    "decode", "convert", "download" };

  g_return_val_if_fail (stage < G_N_ELEMENTS (names), NULL);
  return names[stage];
}
