/* SPDX-License-Identifier: Apache-2.0 */
/* The input is the pickle of a PyTorch file, without the archive, whose
 * checksums would stop nearly every mutation. It is decoded, and its tensors
 * are made over storages that all lie in the input itself. */
#include "fuzz.h"
#include "weights/pickle.h"
#include "weights/state-dict.h"
#include "weights/torch-object.h"

/* FALSE if one is larger than the input. */
static gboolean
find_storages (OsTorchObject *object, OsMappedFile *file)
{
  for (guint i = 0; i < os_torch_object_get_n_storages (object); i++) {
    OsTorchStorage *storage = os_torch_object_get_storage (object, i);

    if (os_torch_storage_get_size (storage) > os_mapped_file_get_length (file))
      return FALSE;
    storage->data = (const guint8 *) os_mapped_file_get_contents (file);
  }
  return TRUE;
}

/* Takes `pickle`. */
static void
make_tensors (OsPickle *pickle, OsMappedFile *file, const char *path)
{
  g_autoptr (OsCheckpoint) checkpoint = os_checkpoint_new (path, "torch-zip");
  g_autoptr (GError) error = NULL;
  g_autoptr (OsTorchObject) object =
      os_torch_object_new (pickle, file, path, &error);

  if (object == NULL) {
    fuzz_check_error (error, path);
    return;
  }
  if (!find_storages (object, file))
    return;
  if (os_state_dict_add (checkpoint, object, NULL, &error))
    fuzz_check (checkpoint);
  else
    fuzz_check_error (error, path);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_auto (FuzzFile) input = { -1 };
  g_autoptr (OsMappedFile) file = NULL;
  g_autoptr (GError) error = NULL;
  OsPickle *pickle;
  gsize used;

  fuzz_file_init (&input, data, size);
  file = os_mapped_file_open (input.path, NULL);
  g_assert_nonnull (file);
  pickle = os_pickle_decode (data, size, input.path, &used, &error);
  if (pickle == NULL) {
    fuzz_check_error (error, input.path);
  } else {
    g_assert_cmpuint (used, <=, size);
    make_tensors (pickle, file, input.path);
  }
  return 0;
}
