/* SPDX-License-Identifier: Apache-2.0 */
/* OsHubHttp: requests to the hub. The token goes to the origin (scheme, host
 * and port) of the endpoint and nowhere else, also when an answer leads there;
 * certificates are always verified. For one thread. */
#pragma once

#include <libsoup/soup.h>

#include "hub/environment.h"

typedef struct _OsHubHttp OsHubHttp;

OsHubHttp *os_hub_http_new (
    const OsHubEnvironment *environment, GError **error);
void os_hub_http_free (OsHubHttp *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsHubHttp, os_hub_http_free)

typedef enum {
  OS_HUB_HEAD, /* follows redirects within the origin only */
  OS_HUB_GET,  /* follows all */
} OsHubMethod;

typedef struct {
  SoupMessage *message; /* status and headers */
  GInputStream *body;
  GUri *uri; /* that was asked last */
} OsHubAnswer;

/* NULL and NETWORK, TLS or G_IO_ERROR_CANCELLED without an answer; any status
 * is an answer. `from` asks for the rest of a file from this byte. */
OsHubAnswer *os_hub_http_send (OsHubHttp *http, OsHubMethod method, GUri *uri,
    guint64 from, GCancellable *cancellable, GError **error);
void os_hub_answer_free (OsHubAnswer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsHubAnswer, os_hub_answer_free)

const char *os_hub_answer_header (const OsHubAnswer *answer, const char *name);
/* The error that an answer which is no success means. `what` was asked for. */
void os_hub_answer_fail (
    const OsHubAnswer *answer, const char *what, GError **error);
/* Seconds that a busy server asks to wait, or `otherwise`. */
guint os_hub_answer_retry_after (const OsHubAnswer *answer, guint otherwise);
/* Is this a status that may be another the next time? */
gboolean os_hub_answer_is_temporary (const OsHubAnswer *answer);

/* Reports what libsoup or GIO said about this address. */
void os_hub_http_fail (GUri *uri, GError *cause, GError **error);
gboolean os_hub_http_is_own (const OsHubHttp *http, GUri *uri);
