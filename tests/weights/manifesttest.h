/* SPDX-License-Identifier: Apache-2.0 */
/* The published networks of tests/data/weights/manifests.json. */
#pragma once

#include <glib.h>

/* What a network is called, and its names of tensors, NULL-terminated. */
typedef void (*ManifestTestFunc) (const char *title, const char *const *names);

/* Returns how many there are. */
guint manifesttest_for_each (ManifestTestFunc check);
