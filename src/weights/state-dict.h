/* SPDX-License-Identifier: Apache-2.0 */
/* From a PyTorch object to named tensors. The object is the state dict itself,
 * or a dict that holds it: "ema", "state_dict", "model" and "module", in this
 * order, are looked for; the first that is a dict with a tensor in it is taken.
 */
#pragma once

#include "weights/checkpoint.h"
#include "weights/torch-object.h"

/* Adds all tensors of the object, those of the state dict with a name: the keys
 * on the way to it, joined by ".". `state_dict` as for os_checkpoint_open_at().
 */
gboolean os_state_dict_add (OsCheckpoint *checkpoint, OsTorchObject *object,
    const char *state_dict, GError **error);
