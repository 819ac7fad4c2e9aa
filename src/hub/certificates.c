/* SPDX-License-Identifier: Apache-2.0 */
/* SSL_CERT_FILE and SSL_CERT_DIR as OpenSSL, and so Python, understands them: a
 * file of certificates, and folders (with colons between) of files that are
 * named by hash, HHHHHHHH.N. Python's requests takes a file or such a folder in
 * REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE. GIO takes one file only. */
#include "hub/certificates.h"

#include <errno.h>
#include <opensora/opensora.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HASH_DIGITS 8

static gboolean
is_hashed (const char *name)
{
  const char *number = name + HASH_DIGITS + 1;

  return strspn (name, G_CSET_DIGITS "abcdef") == HASH_DIGITS
         && name[HASH_DIGITS] == '.' && *number != '\0'
         && strspn (number, G_CSET_DIGITS) == strlen (number);
}

/* A file that is no certificate is nobody's. */
static void
add_file (GString *all, const char *path)
{
  GList *list = g_tls_certificate_list_new_from_file (path, NULL);

  for (GList *l = list; l != NULL; l = l->next) {
    g_autofree char *text = NULL;

    g_object_get (l->data, "certificate-pem", &text, NULL);
    g_string_append (all, text);
  }
  g_list_free_full (list, g_object_unref);
}

static void
add_folder (GString *all, const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);

    if (is_hashed (name))
      add_file (all, path);
  }
}

/* A file without a name. */
static int
write_file (const GString *text)
{
  int fd = memfd_create ("certificates", MFD_CLOEXEC);
  gsize done = 0;

  while (fd >= 0 && done < text->len) {
    gssize n = write (fd, text->str + done, text->len - done);

    if (n < 0 && errno != EINTR) {
      close (fd);
      fd = -1;
    }
    done += MAX (n, 0);
  }
  return fd;
}

/* One file of all that the folders have. */
static gboolean
load_folders (OsHubCertificates *self, const char *folders, GError **error)
{
  g_auto (GStrv) names = g_strsplit (folders, ":", -1);
  g_autoptr (GString) all = g_string_new (NULL);
  g_autofree char *path = NULL;

  for (char **name = names; *name != NULL; name++)
    add_folder (all, *name);
  if (all->len == 0) {
    g_set_error (error, G_TLS_ERROR, G_TLS_ERROR_MISC,
        "no certificate is there under a name that \"openssl rehash\" gives");
    return FALSE;
  }
  self->file = write_file (all);
  path = g_strdup_printf ("/proc/self/fd/%d", self->file);
  self->database = g_tls_file_database_new (path, error);
  return self->database != NULL;
}

gboolean
os_hub_certificates_load (OsHubCertificates *self,
    const OsHubEnvironment *environment, GError **error)
{
  const char *path = environment->ca_path;
  const char *variable = environment->ca_variable;
  g_autoptr (GError) cause = NULL;

  *self = (OsHubCertificates){ NULL, -1 };
  if (path == NULL)
    return TRUE;
  if (g_str_equal (variable, "SSL_CERT_DIR")
      || (!g_str_equal (variable, "SSL_CERT_FILE")
          && g_file_test (path, G_FILE_TEST_IS_DIR)))
    load_folders (self, path, &cause);
  else
    self->database = g_tls_file_database_new (path, &cause);
  if (cause == NULL)
    return TRUE;
  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_TLS,
      "The certificates of %s, %s, cannot be read: %s; correct it or unset it",
      variable, path, cause->message);
  return FALSE;
}

void
os_hub_certificates_clear (OsHubCertificates *self)
{
  g_clear_object (&self->database);
  if (self->file >= 0)
    close (self->file);
}
