/* SPDX-License-Identifier: Apache-2.0 */
/* The block function of Philox4x32-10; constants are those of Random123. */
#include "compute/philox.h"

#include <string.h>

#define ROUNDS 10

void
os_philox (const guint32 counter[4], const guint32 key[2], guint32 out[4])
{
  guint32 k0 = key[0], k1 = key[1];

  memcpy (out, counter, 4 * sizeof *out);
  for (int i = 0; i < ROUNDS; i++) {
    const guint64 a = G_GUINT64_CONSTANT (0xd2511f53) * out[0];
    const guint64 b = G_GUINT64_CONSTANT (0xcd9e8d57) * out[2];

    out[0] = (guint32) (b >> 32) ^ out[1] ^ k0;
    out[1] = (guint32) b;
    out[2] = (guint32) (a >> 32) ^ out[3] ^ k1;
    out[3] = (guint32) a;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
}
