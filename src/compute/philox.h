/* SPDX-License-Identifier: Apache-2.0 */
/* Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011), the counter-based engine of
 * cuRAND: each counter value stands for four random words of its own. */
#pragma once

#include <glib.h>

void os_philox (const guint32 counter[4], const guint32 key[2], guint32 out[4]);
