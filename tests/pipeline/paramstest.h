/* SPDX-License-Identifier: Apache-2.0 */
/* Properties from tables of texts. */
#pragma once

#include <opensora/opensora.h>

/* Enumerations by their nicks, everything else as it reads. */
void paramstest_set (
    OpensoraParams *params, const char *property, const char *text);
