/* SPDX-License-Identifier: Apache-2.0 */
/* The worker alone: how far it goes ahead of whoever takes its frames. */
#include "gsttest.h"

#include "gstopensoraworker.h"

#define N_FRAMES 17
#define FRAME_BYTES (32 * 32 * 3)

typedef struct {
  GstElement *element; /* that messages come from */
  OpensoraPipeline *pipeline;
  GstOpensoraProgress progress;
  GstOpensoraWorker *worker;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->element = gst_object_ref_sink (gst_bin_new (NULL));
  f->pipeline = opensora_pipeline_new (NULL, NULL, 0);
  gst_opensora_progress_start (&f->progress, f->element);
  f->worker =
      gst_opensora_worker_new (f->pipeline, &f->progress, FALSE, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  gst_opensora_worker_free (f->worker);
  g_object_unref (f->pipeline);
  gst_object_unref (f->element);
}

static GstFlowReturn
pop (Fixture *f)
{
  GstBuffer *frame = NULL;
  g_autoptr (GError) error = NULL;
  const GstFlowReturn ret = gst_opensora_worker_pop (f->worker, &frame, &error);

  g_assert_no_error (error);
  gst_clear_buffer (&frame);
  return ret;
}

/* What comes, of a clip that is the last: the worker may want another one
 * before. */
static GstFlowReturn
pop_last (Fixture *f)
{
  GstFlowReturn ret = pop (f);

  if (ret == GST_OPENSORA_FLOW_WANTED) {
    gst_opensora_worker_end (f->worker, NULL);
    ret = pop (f);
  }
  return ret;
}

static void
give_clip (Fixture *f, guint64 room)
{
  const GstOpensoraSize size = {
    .width = 32, .height = 32, .fps_n = 8, .fps_d = 1
  };
  g_autoptr (OpensoraParams) params = opensora_params_new ();
  g_autoptr (OpensoraParams) resolved = NULL;
  g_autoptr (GstOpensoraClip) clip = NULL;

  g_object_set (params, "steps", 1, "width", 32, "height", 32, "num-frames",
      N_FRAMES, NULL);
  resolved = opensora_pipeline_resolve (f->pipeline, params, NULL);
  g_assert_nonnull (resolved);
  clip = gst_opensora_clip_new (resolved, N_FRAMES, &size, 0, NULL);
  clip->room = room;
  gst_opensora_worker_generate (f->worker, clip);
}

/* Frames that were queued once no more may be. */
static guint
count_made (Fixture *f)
{
  while (!gst_opensora_worker_wait (f->worker, TRUE, G_USEC_PER_SEC))
    ;
  return (gst_opensora_worker_get_work (f->worker) - 0.9) * 10 * N_FRAMES + 0.5;
}

/* There is room for `room` bytes, which are `ahead` frames. */
typedef struct {
  guint64 room;
  guint ahead;
} Room;

static const Room rooms[] = { { 0, 1 }, { 2 * FRAME_BYTES - 1, 1 },
  { 3 * FRAME_BYTES, 3 }, { G_MAXUINT64, N_FRAMES } };

static void
test_room (Fixture *f, gconstpointer data)
{
  const Room *room = data;

  g_assert_cmpint (pop (f), ==, GST_OPENSORA_FLOW_WANTED);
  give_clip (f, room->room);
  for (guint n = 0; n < N_FRAMES; n++) {
    g_assert_cmpuint (count_made (f), ==, MIN (n + room->ahead, N_FRAMES));
    g_assert_cmpint (pop_last (f), ==, GST_FLOW_OK);
  }
  g_assert_cmpint (pop_last (f), ==, GST_FLOW_EOS);
}

/* Frames that are dropped take no room from those of the next clip. */
static void
test_room_after_drop (Fixture *f, gconstpointer data)
{
  GstOpensoraClip *dropped = NULL;

  g_assert_cmpint (pop (f), ==, GST_OPENSORA_FLOW_WANTED);
  give_clip (f, 3 * FRAME_BYTES);
  g_assert_cmpuint (count_made (f), ==, 3);
  g_assert_true (gst_opensora_worker_begin_drop (f->worker, &dropped));
  gst_opensora_clip_unref (dropped);
  gst_opensora_worker_end_drop (f->worker);
  g_assert_cmpint (pop (f), ==, GST_OPENSORA_FLOW_DROPPED);
  g_assert_cmpint (pop (f), ==, GST_OPENSORA_FLOW_WANTED);
  give_clip (f, 2 * FRAME_BYTES);
  g_assert_cmpuint (count_made (f), ==, 2);
}

static void
add_tests (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (rooms); i++) {
    g_autofree char *path = g_strdup_printf ("/gst/worker/room/%u", i);

    g_test_add (path, Fixture, &rooms[i], set_up, test_room, tear_down);
  }
  g_test_add ("/gst/worker/room/after-drop", Fixture, NULL, set_up,
      test_room_after_drop, tear_down);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
