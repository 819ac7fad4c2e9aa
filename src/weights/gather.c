/* SPDX-License-Identifier: Apache-2.0 */
/* Element i0..ik of a tensor is at sum (i_d * stride_d) of its data. The last
 * dimension is copied in runs; the others count up like an odometer. */
#include "weights/gather.h"

#include <string.h>

static inline void
copy_run (guint8 *out, const guint8 *in, gint64 n, gint64 stride, gsize size)
{
  for (gint64 i = 0; i < n; i++)
    memcpy (out + i * (gint64) size, in + i * stride * (gint64) size, size);
}

static void
gather_run (guint8 *out, const guint8 *in, gint64 n, gint64 stride, gsize size)
{
  if (stride == 1)
    memcpy (out, in, n * size);
  else if (size == 1)
    copy_run (out, in, n, stride, 1);
  else if (size == 2)
    copy_run (out, in, n, stride, 2);
  else if (size == 4)
    copy_run (out, in, n, stride, 4);
  else
    copy_run (out, in, n, stride, 8);
}

static gint64
offset_of (const OsTensor *tensor, const gint64 *index)
{
  gint64 offset = 0;

  for (int i = 0; i < tensor->n_dims; i++)
    offset += index[i] * tensor->stride[i];
  return offset;
}

/* Counts `step` elements on along the last dimension, which they do not
 * overrun. */
static void
advance (const OsTensor *tensor, gint64 *index, gint64 step)
{
  int i = tensor->n_dims - 1;

  index[i] += step;
  while (i > 0 && index[i] == tensor->shape[i]) {
    index[i] = 0;
    index[--i]++;
  }
}

void
os_gather (const OsTensor *tensor, gint64 first, gint64 n, gpointer out)
{
  gint64 index[OS_MAX_DIMS], size = os_dtype_size (tensor->dtype);
  const guint8 *data = os_tensor_data (tensor);
  int last = tensor->n_dims - 1;
  guint8 *to = out;

  if (n == 0)
    return;
  if (os_tensor_is_contiguous (tensor)) {
    memcpy (out, data + first * size, n * size);
    return;
  }
  for (int i = last; i >= 0; i--) {
    index[i] = first % tensor->shape[i];
    first /= tensor->shape[i];
  }
  while (n > 0) {
    gint64 run = MIN (n, tensor->shape[last] - index[last]);

    gather_run (to, data + offset_of (tensor, index) * size, run,
        tensor->stride[last], size);
    advance (tensor, index, run);
    to += run * size;
    n -= run;
  }
}
