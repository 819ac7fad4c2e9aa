/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates to trust instead of the system's. */
#pragma once

#include "hub/environment.h"

typedef struct {
  GTlsDatabase *database; /* NULL: those of the system */
  int file;               /* that it reads when it needs to; -1: the user's */
} OsHubCertificates;

gboolean os_hub_certificates_load (OsHubCertificates *self,
    const OsHubEnvironment *environment, GError **error);
void os_hub_certificates_clear (OsHubCertificates *self);
