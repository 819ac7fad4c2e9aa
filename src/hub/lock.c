/* SPDX-License-Identifier: Apache-2.0 */
/* Locks that Python's filelock knows: filelock/_unix.py. The file stays when
 * the lock is released: whoever waits for it has it open. */
#include "hub/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/error.h"

#define POLL_MS 50

/* Was the file that fd locks deleted while this waited? */
static gboolean
is_stale (int fd)
{
  struct stat status;

  return fstat (fd, &status) == 0 && status.st_nlink == 0;
}

int
os_hub_lock (
    const char *path, gboolean *held, GCancellable *cancellable, GError **error)
{
  int fd = -1;

  for (;;) {
    if (fd < 0)
      fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0664);
    if (fd < 0) {
      os_hub_fail_io (error, path, "opened");
      return -1;
    }
    *held = flock (fd, LOCK_EX | LOCK_NB) == 0;
    if (*held && !is_stale (fd))
      return fd;
    if (*held) {
      close (fd);
      fd = -1;
    } else if (errno == ENOSYS || errno == EOPNOTSUPP || errno == ENOLCK) {
      return fd;
    } else if (errno != EWOULDBLOCK && errno != EINTR) {
      os_hub_fail_io (error, path, "locked");
      close (fd);
      return -1;
    } else if (!os_hub_wait (POLL_MS, cancellable, error)) {
      close (fd);
      return -1;
    }
  }
}
