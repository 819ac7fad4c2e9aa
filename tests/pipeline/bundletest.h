/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the demo model in temporary folders, to be damaged. */
#pragma once

#include <glib.h>

/* Its folder. */
char *bundletest_demo (void);
/* The demo model: small files copied, weights as links. */
char *bundletest_copy (void);
void bundletest_remove (const char *folder);
/* Replaces a file below the folder; contents NULL: removes it. */
void bundletest_put (
    const char *folder, const char *file, const char *contents);
/* Replaces a piece of a text file, which must be there. */
void bundletest_edit (
    const char *folder, const char *file, const char *from, const char *to);
