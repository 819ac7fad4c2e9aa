/* SPDX-License-Identifier: Apache-2.0 */
/* Tells ThreadSanitizer how GLib and GStreamer order threads. They are not
 * built with it, and GMutex and GCond are made of futexes, which it does not
 * see: it would call everything a race that they guard. Linked into tests,
 * these functions come before those of the libraries. */
#include <dlfcn.h>
#include <gio/gio.h>
#include <gst/gst.h>

/* Of the sanitizer (sanitizer/tsan_interface.h): what came before a release is
 * ordered before what follows an acquisition of the same address. */
void __tsan_acquire (void *address);
void __tsan_release (void *address);

#define HOOK __attribute__ ((no_sanitize ("thread"), visibility ("default")))

/* The library's function. Looked up at the first call: libraries call before
 * this program begins. */
#define REAL(name)                                                             \
  ({                                                                           \
    static __typeof__ (&name) real;                                            \
    __typeof__ (&name) found = __atomic_load_n (&real, __ATOMIC_RELAXED);      \
    if (!found) {                                                              \
      found = (__typeof__ (&name)) dlsym (RTLD_NEXT, #name);                   \
      __atomic_store_n (&real, found, __ATOMIC_RELAXED);                       \
    }                                                                          \
    found;                                                                     \
  })

/* ---- locks ---- */

HOOK void
g_mutex_lock (GMutex *mutex)
{
  REAL (g_mutex_lock) (mutex);
  __tsan_acquire (mutex);
}

HOOK gboolean
g_mutex_trylock (GMutex *mutex)
{
  const gboolean locked = REAL (g_mutex_trylock) (mutex);

  if (locked)
    __tsan_acquire (mutex);
  return locked;
}

HOOK void
g_mutex_unlock (GMutex *mutex)
{
  __tsan_release (mutex);
  REAL (g_mutex_unlock) (mutex);
}

HOOK void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  __tsan_release (mutex);
  REAL (g_cond_wait) (cond, mutex);
  __tsan_acquire (mutex);
}

HOOK gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean signalled;

  __tsan_release (mutex);
  signalled = REAL (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}

/* ---- what is done once ---- */

#undef g_once_init_enter
HOOK gboolean
g_once_init_enter (volatile void *location)
{
  const gboolean first = REAL (g_once_init_enter) (location);

  if (!first)
    __tsan_acquire ((void *) location);
  return first;
}

#undef g_once_init_leave
HOOK void
g_once_init_leave (volatile void *location, gsize result)
{
  __tsan_release ((void *) location);
  REAL (g_once_init_leave) (location, result);
}

/* ---- references: who frees comes after all who held one ---- */

#undef g_atomic_ref_count_dec
HOOK gboolean
g_atomic_ref_count_dec (gatomicrefcount *count)
{
  gboolean last;

  __tsan_release (count);
  last = REAL (g_atomic_ref_count_dec) (count);
  __tsan_acquire (count);
  return last;
}

HOOK void
g_object_unref (gpointer object)
{
  __tsan_release (object);
  __tsan_acquire (object);
  REAL (g_object_unref) (object);
}

HOOK void
gst_mini_object_unref (GstMiniObject *object)
{
  __tsan_release (object);
  __tsan_acquire (object);
  REAL (gst_mini_object_unref) (object);
}

HOOK void
g_atomic_rc_box_release_full (gpointer box, GDestroyNotify clear)
{
  __tsan_release (box);
  __tsan_acquire (box);
  REAL (g_atomic_rc_box_release_full) (box, clear);
}

/* ---- tasks: the thread follows who starts it, and who takes the result
 * follows the thread ---- */

static void __attribute__ ((no_sanitize ("thread"))) run_task (
    GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GTaskThreadFunc func = g_object_get_data (G_OBJECT (task), "tsan-func");

  __tsan_acquire (task);
  func (task, source, data, cancellable);
  __tsan_release (task);
}

HOOK void
g_task_run_in_thread (GTask *task, GTaskThreadFunc func)
{
  g_object_set_data (G_OBJECT (task), "tsan-func", func);
  __tsan_release (task);
  REAL (g_task_run_in_thread) (task, run_task);
}

HOOK gpointer
g_task_propagate_pointer (GTask *task, GError **error)
{
  __tsan_acquire (task);
  return REAL (g_task_propagate_pointer) (task, error);
}

/* ---- what is handed over: its contents come before who takes it ---- */

HOOK void
g_async_queue_push (GAsyncQueue *queue, gpointer item)
{
  __tsan_release (item);
  REAL (g_async_queue_push) (queue, item);
}

HOOK gpointer
g_async_queue_pop (GAsyncQueue *queue)
{
  gpointer item = REAL (g_async_queue_pop) (queue);

  __tsan_acquire (item);
  return item;
}

HOOK gpointer
g_async_queue_try_pop (GAsyncQueue *queue)
{
  gpointer item = REAL (g_async_queue_try_pop) (queue);

  if (item)
    __tsan_acquire (item);
  return item;
}

HOOK gpointer
g_async_queue_timeout_pop (GAsyncQueue *queue, guint64 timeout)
{
  gpointer item = REAL (g_async_queue_timeout_pop) (queue, timeout);

  if (item)
    __tsan_acquire (item);
  return item;
}

HOOK gboolean
gst_element_post_message (GstElement *element, GstMessage *message)
{
  __tsan_release (message);
  return REAL (gst_element_post_message) (element, message);
}

HOOK GstMessage *
gst_bus_timed_pop_filtered (
    GstBus *bus, GstClockTime timeout, GstMessageType types)
{
  GstMessage *message = REAL (gst_bus_timed_pop_filtered) (bus, timeout, types);

  if (message)
    __tsan_acquire (message);
  return message;
}
