/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, and git's blob id: SHA-1 over "blob <size>\0" and the content.
 * OpenSSL's, as it uses the instructions that CPUs have for them. */
#include "hub/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "hub/error.h"
#include "hub/repo-id.h"

#define CHUNK (256 << 10)

struct _OsHubHash {
  EVP_MD_CTX *context;
};

OsHubHash *
os_hub_hash_new (const char *etag, guint64 size)
{
  gboolean sha1 = os_hub_is_hex (etag, 40);
  g_autofree char *header = g_strdup_printf ("blob %" G_GUINT64_FORMAT, size);
  OsHubHash *hash;

  if (!sha1 && !os_hub_is_hex (etag, 64))
    return NULL;
  hash = g_new0 (OsHubHash, 1);
  hash->context = EVP_MD_CTX_new ();
  EVP_DigestInit_ex (hash->context, sha1 ? EVP_sha1 () : EVP_sha256 (), NULL);
  if (sha1)
    os_hub_hash_update (hash, header, strlen (header) + 1);
  return hash;
}

void
os_hub_hash_free (OsHubHash *hash)
{
  if (hash == NULL)
    return;
  EVP_MD_CTX_free (hash->context);
  g_free (hash);
}

void
os_hub_hash_update (OsHubHash *hash, gconstpointer data, gsize size)
{
  EVP_DigestUpdate (hash->context, data, size);
}

gboolean
os_hub_hash_read (OsHubHash *hash, int fd, guint64 size, const char *name,
    GCancellable *cancellable, GError **error)
{
  g_autofree char *buffer = g_malloc (CHUNK);

  while (size > 0) {
    gssize n = read (fd, buffer, MIN (size, CHUNK));

    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return FALSE;
    if (n < 0 && errno == EINTR)
      continue;
    if (n == 0)
      errno = EIO; /* shorter than it was a moment ago */
    if (n <= 0)
      return os_hub_fail_io (error, name, "read");
    os_hub_hash_update (hash, buffer, n);
    size -= n;
  }
  return TRUE;
}

char *
os_hub_hash_finish (OsHubHash *hash)
{
  guchar digest[EVP_MAX_MD_SIZE];
  guint length = 0;
  GString *text = g_string_new (NULL);

  EVP_DigestFinal_ex (hash->context, digest, &length);
  for (guint i = 0; i < length; i++)
    g_string_append_printf (text, "%02x", digest[i]);
  return g_string_free (text, FALSE);
}
